import { ChevronDown, ChevronRight, TriangleAlert } from "lucide-react";
import { memo } from "react";
import { Cost } from "../components/Figures";
import { familyColor, KindIcon } from "./KindIcon";
import { costOf, errorOf, extentOf, familyOf, modelOf, stateOf } from "./model/span";
import type { TreeRow } from "./model/tree";
import { barOf, type TimeWindow } from "./model/waterfall";
import { formatTaken, Taken } from "./Taken";

/** Levels indented by a step of the tree, with a line each. */
const linedLevels = 5;
/** Deeper ones say their number instead, so that names keep their room. */
const numberWidth = 20;

/** The step of a level, by layout and room; set on the tree. */
export const stepOf = {
  tree: "[--step:14px] @max-[360px]:[--step:11px]",
  waterfall: "[--step:14px] @max-[620px]:[--step:8px] @max-[360px]:[--step:6px]",
};

/** How wide the names of a waterfall are: enough to be read where the panel is narrow. */
export const nameColumn = "max(42%, min(220px, 57%))";

interface Props {
  row: TreeRow;
  id: string;
  selected: boolean;
  layout: "tree" | "waterfall";
  window: TimeWindow;
  now: number;
  onSelect: (id: string) => void;
  onToggle: (id: string, open: boolean) => void;
}

/** One line of the tree: what the span is on the left, when it ran on the right. */
export const SpanRow = memo(function SpanRow(props: Props) {
  const { row, id, selected, layout, window, now, onSelect, onToggle } = props;
  const { node, open, matches } = row;
  const { span } = node;
  const state = stateOf(span);
  const family = familyOf(span);
  const model = modelOf(span);
  const cost = costOf(span);
  const { start, end } = extentOf(span, now);
  const parent = node.children.length > 0;
  return (
    <div
      id={id}
      role="treeitem"
      aria-level={node.depth + 1}
      aria-selected={selected}
      aria-expanded={parent ? open : undefined}
      aria-label={`${span.name}, ${state}`}
      onClick={() => onSelect(span.id)}
      className={`group/row relative flex h-8 cursor-default items-center overflow-hidden pr-3 text-[13px] ${
        selected ? "bg-accent/12" : "hover:bg-hover"
      } ${matches ? "" : "opacity-50"}`}
    >
      {selected && <span className="absolute inset-y-0 left-0 w-0.5 bg-accent" />}
      <div
        className={`flex h-full min-w-0 items-center overflow-hidden ${layout === "waterfall" ? "shrink-0 pr-2" : "flex-1"}`}
        style={layout === "waterfall" ? { width: nameColumn } : undefined}
      >
        <Guides depth={node.depth} />
        <button
          type="button"
          tabIndex={-1}
          aria-label={open ? "Collapse" : "Expand"}
          onClick={(event) => {
            event.stopPropagation();
            onToggle(span.id, !open);
          }}
          className={`flex size-5 shrink-0 items-center justify-center rounded text-faint hover:text-text ${
            parent ? "" : "invisible"
          }`}
        >
          {open ? <ChevronDown size={13} /> : <ChevronRight size={13} />}
        </button>
        <KindIcon family={family} />
        {/* A chip that has no room beside the name goes to a second line, which is not seen. */}
        <span className="ml-2 flex h-8 min-w-0 flex-1 flex-wrap items-center overflow-hidden">
          <span className="flex h-8 max-w-full min-w-0 items-center">
            <span
              dir="auto"
              title={model === null || model === span.name ? span.name : `${span.name} (${model})`}
              className={`min-w-0 truncate ${state === "failed" ? "text-fail" : ""} ${
                node.depth === 0 ? "font-medium" : ""
              }`}
            >
              {span.name}
            </span>
            {!open && node.descendants > 0 && (
              <span className="ml-1.5 shrink-0 text-[11px] tabular-nums text-muted">{node.descendants}</span>
            )}
            {state !== "completed" && <StateDot state={state} title={errorOf(span) ?? "running"} />}
            {node.failedBelow && state !== "failed" && (
              <span title="A span below failed" className="ml-1.5 shrink-0 text-fail">
                <TriangleAlert size={12} aria-label="A span below failed" />
              </span>
            )}
          </span>
          {model !== null && model !== span.name && (
            <span className={`flex h-8 items-center pl-2 ${layout === "waterfall" ? "@max-[620px]:hidden" : ""}`}>
              <span
                title={model}
                className={`max-w-28 truncate rounded border px-1.5 text-[11px] leading-[18px] text-muted ${selected ? "border-line-strong" : "border-line"}`}
              >
                {model}
              </span>
            </span>
          )}
        </span>
      </div>
      {layout === "tree" ? (
        <>
          <span className="w-[76px] shrink-0 pl-2 text-right tabular-nums text-muted @max-[380px]:hidden">
            {cost !== null && cost > 0 && <Cost value={cost} />}
          </span>
          <span className="w-[72px] shrink-0 pl-2 text-right tabular-nums">
            <Taken ms={end - start} running={state === "running"} />
          </span>
          <span className="ml-3 w-16 shrink-0 @max-[440px]:hidden">
            <TimeBar row={row} window={window} now={now} thin />
          </span>
        </>
      ) : (
        <div className="relative h-full min-w-0 flex-1">
          <TimeBar row={row} window={window} now={now} />
        </div>
      )}
    </div>
  );
});

/** Vertical lines that lead the eye from a span to its parent, and the number of a level too deep for them. */
function Guides({ depth }: { depth: number }) {
  return (
    <>
      <span
        aria-hidden
        className="ml-2 h-full shrink-0"
        style={{
          width: `calc(${Math.min(depth, linedLevels)} * var(--step))`,
          // Each line stands under the chevron of its level, which is ten pixels in.
          backgroundImage: "linear-gradient(to right, var(--line) 1px, transparent 1px)",
          backgroundPosition: "10px 0",
          backgroundSize: "var(--step) 100%",
          backgroundRepeat: "repeat-x",
        }}
      />
      {depth > linedLevels && (
        <span
          aria-hidden
          title={`Level ${depth + 1}`}
          className="shrink-0 text-right text-[10px] tabular-nums text-muted"
          style={{ width: numberWidth }}
        >
          {depth + 1}
        </span>
      )}
    </>
  );
}

function StateDot({ state, title }: { state: "running" | "failed"; title: string }) {
  return (
    <span
      title={title}
      className={`ml-2 size-1.5 shrink-0 rounded-full ${state === "failed" ? "bg-fail" : "bg-run motion-safe:animate-pulse"}`}
    />
  );
}

function TimeBar({ row, window, now, thin = false }: { row: TreeRow; window: TimeWindow; now: number; thin?: boolean }) {
  const { span } = row.node;
  const bar = barOf(span, window, now);
  const state = stateOf(span);
  const { start, end } = extentOf(span, now);
  const color = state === "failed" ? "var(--fail)" : familyColor(familyOf(span));
  if (thin) {
    return (
      <span className="relative block h-1 rounded-full bg-line">
        {bar && (
          <span
            className="absolute inset-y-0 min-w-0.5 rounded-full"
            style={{ left: `${Math.min(bar.left * 100, 97)}%`, width: `${bar.width * 100}%`, background: color }}
          />
        )}
      </span>
    );
  }
  if (!bar) {
    const before = end < window.start;
    return <span className={`absolute top-1/2 -translate-y-1/2 text-[11px] text-muted ${before ? "left-0" : "right-0"}`}>{before ? "◂" : "▸"}</span>;
  }
  // The figure stands after its bar, before it where the room on the right ends, else inside.
  const right = bar.left + bar.width;
  const place = right < 0.82 ? "after" : bar.left > 0.18 ? "before" : "inside";
  const figure = formatTaken(end - start, state === "running");
  return (
    <>
      <span
        className={`absolute top-1/2 flex h-3.5 min-w-0.5 -translate-y-1/2 items-center justify-end overflow-hidden rounded-[3px] text-[11px] leading-none font-medium whitespace-nowrap tabular-nums text-bg ${
          place === "inside" ? "px-1.5" : ""
        } ${state === "running" ? "[mask-image:linear-gradient(to_right,black_60%,rgb(0_0_0/0.4))]" : ""}`}
        style={{ left: `${bar.left * 100}%`, width: `${bar.width * 100}%`, background: color }}
      >
        {place === "inside" && figure}
      </span>
      {place !== "inside" && (
        <span
          className="pointer-events-none absolute top-1/2 -translate-y-1/2 px-1.5 text-[11px] whitespace-nowrap tabular-nums text-muted"
          style={place === "after" ? { left: `${right * 100}%` } : { right: `${(1 - bar.left) * 100}%` }}
        >
          {figure}
        </span>
      )}
    </>
  );
}
