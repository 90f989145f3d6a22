import { Link } from "@tanstack/react-router";
import { ChevronDown, ChevronRight, ChevronUp, Download, MessagesSquare, Trash2 } from "lucide-react";
import { useMay } from "../account/account";
import { API_BASE } from "../api/base";
import type { Trace } from "../api/types";
import { CopyButton } from "../components/CopyButton";
import { Cost, Count, Duration } from "../components/Figures";
import { IconButton } from "../components/IconButton";
import { Time } from "../components/Time";
import { LiveIndicator } from "../shell/LiveIndicator";
import type { TraceTotals } from "./model/totals";
import type { ListSearch, Neighbours } from "./neighbours";
import { StatusWord } from "./StatusWord";

interface Props {
  trace: Trace;
  totals: TraceTotals;
  /** Filters of the list this trace was opened from. */
  list: ListSearch;
  neighbours: Neighbours | undefined;
  /** Only the first line, where room is short. */
  brief: boolean;
  onTrace: (id: string) => void;
  onDelete: () => void;
}

/** What the trace is, how it went, what it took; and the way back to its list. */
export function TraceHeader({ trace, totals, list, neighbours, brief, onTrace, onDelete }: Props) {
  const mayDelete = useMay("traces_write");
  const name = trace.name ?? "Unnamed trace";
  return (
    <header className="shrink-0 border-b border-line px-4 pt-2.5 pb-2.5 md:px-5">
      <div className="flex min-w-0 items-center gap-1.5">
        <Link to="/traces" search={list as never} className="shrink-0 text-[13px] text-muted hover:text-text">
          Traces
        </Link>
        <ChevronRight size={13} className="shrink-0 text-faint" />
        <h1 dir="auto" title={name} className="min-w-0 truncate text-[14px] font-semibold">
          {name}
        </h1>
        <CopyButton text={trace.id} label="Copy trace id" className="max-md:hidden" />
        <div className="ml-auto flex shrink-0 items-center">
          <IconButton
            label="Previous trace"
            disabled={!neighbours?.previous}
            onClick={() => neighbours?.previous && onTrace(neighbours.previous)}
          >
            <ChevronUp size={15} />
          </IconButton>
          <IconButton
            label="Next trace"
            disabled={!neighbours?.next}
            onClick={() => neighbours?.next && onTrace(neighbours.next)}
          >
            <ChevronDown size={15} />
          </IconButton>
          <span className="mx-1.5 h-4 w-px bg-line" />
          <a
            href={`${API_BASE}/api/export/json?trace_id=${encodeURIComponent(trace.id)}`}
            download={`${trace.id}.json`}
            aria-label="Export as JSON"
            title="Export as JSON"
            className="flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-text"
          >
            <Download size={14} />
          </a>
          {mayDelete && (
            <IconButton label="Delete trace" onClick={onDelete}>
              <Trash2 size={14} />
            </IconButton>
          )}
          <LiveIndicator />
        </div>
      </div>
      <div className={`mt-1.5 min-h-5 flex-wrap items-center gap-x-4 gap-y-1 text-[12px] text-muted ${brief ? "hidden" : "flex"}`}>
        <StatusWord state={totals.state} />
        <span className="text-text">{totals.duration === null ? "–" : <Duration value={totals.duration} />}</span>
        <span title={`${totals.inputTokens.toLocaleString("en-US")} in, ${totals.outputTokens.toLocaleString("en-US")} out`}>
          <span className="text-text">
            <Count value={totals.tokens} />
          </span>{" "}
          tokens
        </span>
        <span className="text-text">
          <Cost value={totals.cost} />
        </span>
        <span>
          <span className="text-text">
            <Count value={totals.spans} exact />
          </span>{" "}
          {totals.spans === 1 ? "span" : "spans"}
          {totals.failures > 0 && <span className="text-fail">, {totals.failures.toLocaleString("en-US")} failed</span>}
        </span>
        <Time value={trace.started_at} />
        {trace.session_id !== null && (
          <Link
            to="/sessions/$id"
            params={{ id: trace.session_id } as never}
            className="flex max-w-56 min-w-0 items-center gap-1.5 text-accent hover:underline"
            title={`Session ${trace.session_id}`}
          >
            <MessagesSquare size={12} className="shrink-0" />
            <span className="truncate">{trace.session_id}</span>
          </Link>
        )}
        {trace.tags.slice(0, 8).map((tag) => (
          <span key={tag} className="max-w-48 truncate rounded border border-line px-1.5 text-[11px] leading-[18px]">
            {tag}
          </span>
        ))}
        {trace.tags.length > 8 && <span title={trace.tags.join(", ")}>+{trace.tags.length - 8}</span>}
      </div>
    </header>
  );
}
