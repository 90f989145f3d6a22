/** Far into a text nothing new is learnt about how it is written. */
const looked = 4_000;

/** What code and plain text seldom hold: bold words, fences, the second line of a table, links. */
const marks = [
  /(^|[\s(])\*\*[^\s*]([^*\n]*[^\s*])?\*\*(?=[\s.,;:!?)]|$)/m,
  /^\s{0,3}(```|~~~)/m,
  /^\s*\|?\s*:?-{3,}:?\s*\|[\s|:-]*$/m,
  /(^|[\s(])\[[^\]\n]+\]\(https?:\/\/[^)\s]+\)/m,
];

/** Whether a text is better rendered than shown as it was written. */
export function looksLikeMarkdown(text: string): boolean {
  const start = text.slice(0, looked);
  return marks.some((mark) => mark.test(start));
}

/** What Markdown changes anything of. Only a text without any of it reads the same without being rendered. */
const meaning = /[*_`#[\]<>|~\\&]|^\s*([-+=]|\d+[.)])|https?:|www\.|@| {2}\n|^( {4}|\t)/m;

/** Whether a text is its own paragraphs: nothing in it means anything in Markdown. */
export function isPlain(text: string): boolean {
  return !meaning.test(text);
}
