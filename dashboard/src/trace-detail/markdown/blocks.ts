/** Text is handed to the Markdown renderer in blocks of about this many characters. */
const blockSize = 6_000;

/**
 * Cuts Markdown into blocks that render the same apart as together.
 *
 * Cuts lie on blank lines outside code fences, and not inside a list or an indented block. A text
 * without such a place is cut at the next blank line at all, or in the end by length, so that
 * no block stalls the page.
 */
export function markdownBlocks(text: string): string[] {
  if (text.length <= blockSize) return [text];
  const blocks: string[] = [];
  let start = 0;
  let position = 0;
  let fence: string | null = null;
  let afterBlank = false;
  while (position < text.length) {
    const newline = text.indexOf("\n", position);
    const end = newline < 0 ? text.length : newline + 1;
    const line = text.slice(position, Math.min(end, position + 200));
    const mark = /^\s{0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    const size = position - start;
    const safe = fence === null && afterBlank && !/^(\s|[-*+>|]|\d+[.)])/.test(line);
    const forced = size > blockSize * 4 && fence === null && afterBlank;
    if ((size >= blockSize && safe) || forced) {
      blocks.push(text.slice(start, position));
      start = position;
    }
    if (mark) {
      if (fence === null) fence = mark;
      else if (mark.startsWith(fence)) fence = null;
    }
    afterBlank = line.trim() === "";
    position = end;
  }
  blocks.push(text.slice(start));
  return blocks.flatMap((block) => sliced(block, blockSize * 8));
}

function sliced(block: string, size: number): string[] {
  if (block.length <= size) return [block];
  const slices: string[] = [];
  let from = 0;
  while (from < block.length) {
    const wanted = Math.min(from + size, block.length);
    const line = wanted < block.length ? block.lastIndexOf("\n", wanted) : -1;
    const to = line > from ? line + 1 : wanted;
    slices.push(block.slice(from, to));
    from = to;
  }
  return slices;
}

/** Where to cut a long text for its first look: at a paragraph, else at a line, else at a word. */
export function opening(text: string, size: number): string {
  if (text.length <= size) return text;
  for (const [mark, least] of [["\n\n", 0.5], ["\n", 0.5], [" ", 0.8]] as const) {
    const cut = text.lastIndexOf(mark, size);
    if (cut > size * least) return text.slice(0, cut);
  }
  return text.slice(0, size);
}

/** Words as a reader counts them; text without spaces counts its characters. */
export function wordCount(text: string): number {
  const words = text.match(/\S+/g)?.length ?? 0;
  return words * 20 < text.length ? Math.max(words, Math.round(text.length / 2)) : words;
}
