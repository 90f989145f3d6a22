import { formatDuration } from "../lib/format";
import { familyColor } from "./KindIcon";
import type { TimingBreakdown } from "./model/timing";

/** Where the wall time of the trace went: model, tools, and the application around them. */
export function TimingBar({ timing }: { timing: TimingBreakdown }) {
  if (timing.wall <= 0) return null;
  const pieces = [
    { name: "LLM", time: timing.llm, width: timing.llm, color: familyColor("llm") },
    { name: "Tools", time: timing.tool, width: timing.tool - timing.both, color: familyColor("tool") },
    { name: "Application", time: timing.application, width: timing.application, color: "var(--line-strong)" },
  ];
  return (
    <div
      className="flex h-8 shrink-0 items-center gap-3 overflow-hidden border-t border-line px-3 text-[11px] text-muted"
      title="Time covered by LLM calls, by tool calls, and by neither. Overlapping spans count once."
    >
      <div className="flex h-1.5 min-w-12 flex-1 gap-px overflow-hidden rounded-full">
        {pieces.map(
          (piece) =>
            piece.width > 0 && (
              <span key={piece.name} style={{ flexGrow: piece.width, flexBasis: 2, background: piece.color }} />
            ),
        )}
      </div>
      {pieces.map((piece) => (
        <span key={piece.name} className="flex shrink-0 items-center gap-1.5 whitespace-nowrap">
          <span className="size-2 rounded-[2px]" style={{ background: piece.color }} />
          {piece.name}
          <span className="tabular-nums text-text">{formatDuration(piece.time)}</span>
        </span>
      ))}
    </div>
  );
}
