import { lazy, memo, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { markdownBlocks, opening, wordCount } from "./blocks";
import { isPlain } from "./looks-like-markdown";
import "./markdown.css";

const MarkdownBlock = lazy(() => import("./MarkdownBlock"));

/** Blocks rendered at once; the rest follow as the reader comes near. */
const firstBlocks = 4;

interface Props {
  text: string;
  /** Characters shown before the reader asks for all. */
  limit?: number;
}

/** Text people read: Markdown, cut at `limit` until expanded, rendered as it comes into view. */
export const MarkdownText = memo(function MarkdownText({ text, limit = 6_000 }: Props) {
  const [whole, setWhole] = useState(false);
  const cut = !whole && text.length > limit * 1.25;
  const shown = cut ? opening(text, limit) : text;
  const words = useMemo(() => (cut ? wordCount(text) : 0), [cut, text]);
  return (
    <div dir="auto" className="markdown">
      <Blocks text={shown} />
      {cut && (
        <button
          type="button"
          className="mt-2 text-[13px] font-medium text-accent hover:underline"
          onClick={() => setWhole(true)}
        >
          Show all {words.toLocaleString("en-US")} words
        </button>
      )}
    </div>
  );
});

/** One block. The renderer is fetched for the first text that needs one. */
function Block({ text }: { text: string }) {
  const plain = useMemo(() => isPlain(text), [text]);
  if (plain) return text.split(/\n\s*\n/).map((paragraph, index) => <p key={index}>{paragraph.trim()}</p>);
  return (
    <Suspense fallback={<p>{text}</p>}>
      <MarkdownBlock text={text} />
    </Suspense>
  );
}

function Blocks({ text }: { text: string }) {
  const blocks = useMemo(() => markdownBlocks(text), [text]);
  const [shown, setShown] = useState(firstBlocks);
  const end = useRef<HTMLDivElement>(null);
  const more = shown < blocks.length;
  useEffect(() => {
    const mark = end.current;
    if (!more || !mark) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setShown((count) => count + firstBlocks);
      },
      { rootMargin: "1600px 0px" },
    );
    observer.observe(mark);
    return () => observer.disconnect();
  }, [more, shown]);
  return (
    <>
      {blocks.slice(0, shown).map((block, index) => (
        <Block key={index} text={block} />
      ))}
      {more && <div ref={end} className="h-40" />}
    </>
  );
}
