import { useEffect, useMemo, useRef, type PointerEvent } from "react";
import type { SpanFamily } from "./model/span";
import type { SpanTree } from "./model/tree";
import { minimapMarks, type TimeWindow } from "./model/waterfall";

const height = 44;
const lanes = 22;

interface Props {
  tree: SpanTree;
  whole: TimeWindow;
  window: TimeWindow;
  now: number;
  /** The rows on screen, as shares of the tree. */
  rows: { top: number; bottom: number };
  /** Chooses a range of time; absent where all of it is always shown. */
  onWindow?: (window: TimeWindow) => void;
  /** Goes to a place in the tree, given as a share of it. */
  onPlace: (share: number) => void;
}

/** The whole trace at a glance: a click goes to a place in it, a drag chooses the time shown. */
export function Minimap({ tree, whole, window, now, rows, onWindow, onPlace }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const from = useRef<number | null>(null);
  const marks = useMemo(() => minimapMarks(tree.nodes, whole, now, lanes, 600), [tree, whole, now]);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const draw = () => {
      const context = element.getContext("2d");
      const width = element.clientWidth;
      if (!context || width === 0) return;
      const scale = globalThis.devicePixelRatio || 1;
      element.width = width * scale;
      element.height = height * scale;
      context.scale(scale, scale);
      context.clearRect(0, 0, width, height);
      const style = getComputedStyle(element);
      const color = (family: SpanFamily) => style.getPropertyValue(`--kind-${family}`);
      const line = height / lanes;
      for (const mark of marks) {
        context.globalAlpha = mark.failed ? 1 : 0.75;
        context.fillStyle = mark.failed ? style.getPropertyValue("--fail") : color(mark.family);
        const long = (mark.right - mark.left) * width;
        // A failure is looked for, so it is a spot one cannot miss.
        const wide = Math.max(mark.failed ? 3 : 1, long);
        const high = mark.failed ? 4 : Math.max(1, line - 0.5);
        const left = Math.min(mark.left * width - (wide - Math.max(1, long)) / 2, width - wide);
        const top = Math.min(mark.top * height, height - high);
        context.fillRect(Math.max(0, left), top, wide, high);
      }
    };
    draw();
    const sized = new ResizeObserver(draw);
    sized.observe(element);
    const themed = new MutationObserver(draw);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "data-theme"] });
    return () => {
      sized.disconnect();
      themed.disconnect();
    };
  }, [marks]);

  const length = whole.end - whole.start;
  const shareAt = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const between = (a: number, b: number): TimeWindow => ({
    start: whole.start + Math.min(a, b) * length,
    end: whole.start + Math.max(a, b) * length,
  });
  const left = ((window.start - whole.start) / length) * 100;
  const right = ((whole.end - window.end) / length) * 100;
  const zoomed = left > 0.05 || right > 0.05;
  return (
    <div
      role="img"
      aria-label="Overview of the trace"
      title={onWindow ? "Click to go there, drag to zoom, double-click for all" : "Click to go there"}
      className="relative shrink-0 cursor-crosshair border-b border-line bg-surface select-none"
      style={{ height, touchAction: "none" }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = shareAt(event);
      }}
      onPointerMove={(event) => {
        if (from.current === null) return;
        const to = shareAt(event);
        if (Math.abs(to - from.current) > 0.005) onWindow?.(between(from.current, to));
      }}
      onPointerUp={(event) => {
        if (from.current !== null && Math.abs(shareAt(event) - from.current) <= 0.005) {
          const box = event.currentTarget.getBoundingClientRect();
          onPlace(Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)));
        }
        from.current = null;
      }}
      onDoubleClick={() => onWindow?.(whole)}
    >
      <canvas ref={canvas} className="block w-full" style={{ height }} />
      <div
        className="pointer-events-none absolute inset-x-0 border-y border-text/25 bg-text/5"
        style={{ top: `${rows.top * 100}%`, height: `max(2px, ${(rows.bottom - rows.top) * 100}%)` }}
      />
      {zoomed && (
        <>
          <div className="pointer-events-none absolute inset-y-0 left-0 border-r border-accent bg-bg/65" style={{ width: `${left}%` }} />
          <div className="pointer-events-none absolute inset-y-0 right-0 border-l border-accent bg-bg/65" style={{ width: `${right}%` }} />
        </>
      )}
    </div>
  );
}
