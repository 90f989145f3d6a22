import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { piecesOf } from "./rows";

/** Plain text of any length in the mono face; only the lines on screen exist. */
export function TextLines({ text, label }: { text: string; label: string }) {
  const pieces = useMemo(() => linesOf(text), [text]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: pieces.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 20,
    overscan: 20,
  });
  return (
    <div
      ref={scroller}
      role="group"
      tabIndex={0}
      aria-label={label}
      className="h-full min-h-0 overflow-auto py-2 font-mono text-[12px] leading-5"
    >
      <div className="relative" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((item) => (
          <div
            key={item.key}
            ref={virtualizer.measureElement}
            data-index={item.index}
            className="absolute inset-x-0 top-0 px-4 whitespace-pre-wrap [overflow-wrap:anywhere]"
            style={{ transform: `translateY(${item.start}px)` }}
          >
            {pieces[item.index] || " "}
          </div>
        ))}
      </div>
    </div>
  );
}

/** One row a line, endless lines in pieces. */
function linesOf(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line) =>
      line.length <= 1_600 ? [line] : piecesOf(line).map(({ from, to }) => line.slice(from, to)),
    );
}
