import { useEffect, useRef, useState, type PointerEvent } from "react";
import { formatDuration } from "../lib/format";
import { panned, ticks, zoomed, type TimeWindow } from "./model/waterfall";

/** Pixels a label needs to its right. */
const narrowest = 56;

interface Props {
  whole: TimeWindow;
  window: TimeWindow;
  onWindow: (window: TimeWindow) => void;
}

/** The time axis of the waterfall: drag over it to zoom, double-click to see all again. */
export function Ruler({ whole, window, onWindow }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(400);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const shareAt = (event: PointerEvent) => {
    const area = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - area.left) / area.width));
  };
  const length = window.end - window.start;
  const finish = () => {
    if (drag && Math.abs(drag.to - drag.from) > 0.01) {
      onWindow({
        start: window.start + Math.min(drag.from, drag.to) * length,
        end: window.start + Math.max(drag.from, drag.to) * length,
      });
    }
    setDrag(null);
  };
  return (
    <div
      ref={box}
      className="relative h-full min-w-0 flex-1 cursor-crosshair overflow-hidden select-none"
      style={{ touchAction: "none" }}
      title="Drag to zoom, double-click to reset"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const at = shareAt(event);
        setDrag({ from: at, to: at });
      }}
      onPointerMove={(event) => drag && setDrag({ ...drag, to: shareAt(event) })}
      onPointerUp={finish}
      onDoubleClick={() => onWindow(whole)}
    >
      {ticks(window, whole.start, Math.max(2, Math.floor(width / 64))).map((tick) => (
        <span
          key={tick.offset}
          className="absolute inset-y-0 border-l border-line pl-1 text-[11px] leading-7 whitespace-nowrap tabular-nums text-muted"
          style={{ left: `${tick.at * 100}%` }}
        >
          {(1 - tick.at) * width >= narrowest && formatDuration(tick.offset)}
        </span>
      ))}
      {drag && (
        <span
          className="absolute inset-y-0 bg-accent/20"
          style={{
            left: `${Math.min(drag.from, drag.to) * 100}%`,
            width: `${Math.abs(drag.to - drag.from) * 100}%`,
          }}
        />
      )}
    </div>
  );
}

/** What a wheel turn over the waterfall does: zoom with Ctrl or ⌘, pan sideways with Shift. */
export function wheeled(
  event: WheelEvent,
  area: DOMRect,
  window: TimeWindow,
  whole: TimeWindow,
): TimeWindow | null {
  if (event.ctrlKey || event.metaKey) {
    const around = Math.min(1, Math.max(0, (event.clientX - area.left) / area.width));
    return zoomed(window, whole, around, Math.exp(event.deltaY * 0.004));
  }
  const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
  if (Math.abs(sideways) > (event.shiftKey ? 0 : Math.abs(event.deltaY))) {
    return panned(window, whole, sideways / area.width);
  }
  return null;
}
