import { useEffect, useEffectEvent, useState, type RefObject } from "react";
import { formatDuration } from "../lib/format";
import { KindIcon } from "./KindIcon";
import { errorOf, extentOf, familyOf, stateOf } from "./model/span";
import type { TreeRow } from "./model/tree";
import { formatTaken } from "./Taken";

const width = 260;
const height = 84;

interface Props {
  scroller: RefObject<HTMLElement | null>;
  rows: readonly TreeRow[];
  rowHeight: number;
  /** When the trace began. */
  origin: number;
  now: number;
}

/** What the bar under the pointer is: name, start and duration. One for all rows, so that rows cost nothing. */
export function BarTip({ scroller, rows, rowHeight, origin, now }: Props) {
  const [at, setAt] = useState<{ row: number; x: number; y: number } | null>(null);
  const onMove = useEffectEvent((event: PointerEvent) => {
    const element = scroller.current;
    const axis = element?.querySelector("[data-axis]")?.getBoundingClientRect();
    if (!element || !axis || event.pointerType === "touch" || event.clientX < axis.left) return setAt(null);
    const place = event.clientY - element.getBoundingClientRect().top + element.scrollTop;
    setAt({ row: Math.floor(place / rowHeight), x: event.clientX, y: event.clientY });
  });
  useEffect(() => {
    const element = scroller.current;
    const hide = () => setAt(null);
    element?.addEventListener("pointermove", onMove);
    element?.addEventListener("pointerleave", hide);
    element?.addEventListener("scroll", hide, { passive: true });
    return () => {
      element?.removeEventListener("pointermove", onMove);
      element?.removeEventListener("pointerleave", hide);
      element?.removeEventListener("scroll", hide);
    };
  }, [scroller]);

  const span = at && rows[at.row]?.node.span;
  if (!at || !span) return null;
  const { start, end } = extentOf(span, now);
  const state = stateOf(span);
  const error = errorOf(span);
  return (
    <div
      role="tooltip"
      className="pointer-events-none fixed z-50 rounded-md border border-line-strong bg-raised px-2.5 py-1.5 text-[12px] leading-5 shadow-float"
      style={{
        maxWidth: width,
        left: Math.max(8, Math.min(at.x + 14, innerWidth - width - 8)),
        top: at.y + 18 + height > innerHeight ? at.y - height : at.y + 18,
      }}
    >
      <div className="flex min-w-0 items-center gap-1.5 font-medium">
        <KindIcon family={familyOf(span)} size={13} />
        <span dir="auto" className="truncate">
          {span.name}
        </span>
      </div>
      <div className="flex gap-3 whitespace-nowrap tabular-nums text-muted">
        <span>
          at <span className="text-text">{formatDuration(start - origin)}</span>
        </span>
        <span>
          {state === "running" ? "running for" : "took"}{" "}
          <span className="text-text">{formatTaken(end - start, state === "running")}</span>
        </span>
      </div>
      {error !== null && <div className="truncate text-fail">{error}</div>}
    </div>
  );
}
