import { Link } from "@tanstack/react-router";
import { ChevronDown, ChevronRight, ChevronUp, Download, MessagesSquare, Trash2 } from "lucide-react";
import { useMay } from "../account/account";
import { API_BASE } from "../api/base";
import type { Trace } from "../api/types";
import { CopyButton } from "../components/CopyButton";
import { IconButton } from "../components/IconButton";
import { LiveIndicator } from "../shell/LiveIndicator";
import type { TraceTotals } from "./model/totals";
import type { Neighbours } from "./neighbours";
import { OriginLink, type Origin } from "./Origin";
import { Started } from "./Started";
import { TagLink, TraceDetails } from "./TraceDetails";
import { TraceFigures } from "./TraceFigures";

interface Props {
  trace: Trace;
  totals: TraceTotals;
  origin: Origin;
  neighbours: Neighbours | undefined;
  /** Only the first line, where room is short. */
  brief: boolean;
  now: number;
  onTrace: (id: string) => void;
  onDelete: () => void;
}

/** What the trace is, how it went, what it took; and the way back to its list. */
export function TraceHeader({ trace, totals, origin, neighbours, brief, now, onTrace, onDelete }: Props) {
  const mayDelete = useMay("traces_write");
  const name = trace.name ?? "Unnamed trace";
  return (
    <header className="shrink-0 border-b border-line px-4 pt-2.5 pb-2.5 md:px-5">
      <div className="flex min-w-0 items-center gap-1.5">
        <OriginLink
          origin={origin}
          className={`text-[13px] text-muted hover:text-text ${origin.session === null ? "shrink-0" : "max-w-[30%] min-w-16 truncate"}`}
        >
          {origin.session === null ? "Traces" : `Session ${origin.session}`}
        </OriginLink>
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
        <TraceFigures totals={totals} />
        <Started at={trace.started_at} now={totals.running ? now : undefined} />
        {trace.session_id !== null && trace.session_id !== origin.session && (
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
          <TagLink key={tag} tag={tag} />
        ))}
        {trace.tags.length > 8 && <span title={trace.tags.join(", ")}>+{trace.tags.length - 8}</span>}
        <TraceDetails trace={trace} />
      </div>
    </header>
  );
}
