import { familyColor } from "./KindIcon";
import type { TimingBreakdown } from "./model/timing";
import { formatTaken } from "./Taken";

/** Where the wall time of the trace went: model, tools, and the application around them. */
export function TimingBar({ timing, running }: { timing: TimingBreakdown; running: boolean }) {
  if (timing.wall <= 0) return null;
  const pieces: { name: string; short?: string; time: number; width: number; color: string }[] = [
    { name: "LLM", time: timing.llm, width: timing.llm, color: familyColor("llm") },
    { name: "Tools", time: timing.tool, width: timing.tool - timing.both, color: familyColor("tool") },
    { name: "Application", short: "App", time: timing.application, width: timing.application, color: "var(--line-strong)" },
  ];
  return (
    <div
      className="flex min-h-8 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 overflow-hidden border-t border-line px-3 py-1.5 text-[11px] text-muted"
      title="Time covered by LLM calls, by tool calls, and by neither. Overlapping spans count once."
    >
      {/* Beside the figures where there is room, above them where there is none. */}
      <div className="flex h-1.5 min-w-12 flex-1 gap-px overflow-hidden rounded-full @max-[460px]:basis-full">
        {pieces.map(
          (piece) =>
            piece.width > 0 && (
              <span
                key={piece.name}
                // Shares of a hundred, since sums below one would leave room empty.
                style={{ flexGrow: (piece.width / timing.wall) * 100, flexBasis: 2, background: piece.color }}
              />
            ),
        )}
      </div>
      {pieces.map((piece) => (
        <span key={piece.name} className="flex shrink-0 items-center gap-1.5 whitespace-nowrap">
          <span className="size-2 rounded-[2px]" style={{ background: piece.color }} />
          <span className={piece.short === undefined ? "" : "@max-[360px]:hidden"}>{piece.name}</span>
          {piece.short !== undefined && <span className="hidden @max-[360px]:inline">{piece.short}</span>}
          <span className="tabular-nums text-text">{formatTaken(piece.time, running)}</span>
        </span>
      ))}
    </div>
  );
}
