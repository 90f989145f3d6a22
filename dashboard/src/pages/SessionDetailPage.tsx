import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { ArrowLeft, ChevronDown, ChevronRight, MessagesSquare, Rows3 } from "lucide-react";
import { lazy, Suspense, useRef, useState } from "react";
import { api, ApiError } from "../api/client";
import { useLiveEvents } from "../api/live";
import type { SessionDetail, Span, Trace } from "../api/types";
import { CopyButton } from "../components/CopyButton";
import { Cost, Count, Duration } from "../components/Figures";
import { Failed, Notice } from "../components/Notices";
import { Fact, ModelChips, StatusDot, statusOf } from "../components/Parts";
import { Time } from "../components/Time";
import { patiently } from "../lib/patience";
import { useListSearch } from "../lists/search";
import { LiveIndicator } from "../shell/LiveIndicator";
import { kindWord, SpanDuration } from "./SpansPage";
import { None, useTraceDetail } from "./TracesPage";

const SessionTurn = lazy(() => patiently(() => import("./SessionTurn")));

/** One conversation: what it adds up to, and its traces as rows or as turns to read. */
export default function SessionDetailPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const [search, change] = useListSearch() as unknown as [{ view?: string }, (change: { view?: string | undefined }, replace?: boolean) => void];
  const client = useQueryClient();
  const key = ["session", id];
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => api.get<SessionDetail>(`/api/sessions/${encodeURIComponent(id)}`, { signal }),
  });
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useLiveEvents((event) => {
    const traces = new Set(query.data?.traces.map((trace) => trace.id));
    const ours =
      ("trace" in event && event.trace.session_id === id) ||
      ("span" in event && traces.has(event.span.trace_id)) ||
      ("trace_id" in event && traces.has(event.trace_id)) ||
      event.type === "cleared" ||
      event.type === "resync";
    if (!ours) return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void client.invalidateQueries({ queryKey: key });
    }, 700);
  });

  if (query.isPending) return <div className="skeleton m-4 h-12 w-1/2" />;
  if (query.isError) {
    return query.error instanceof ApiError && query.error.status === 404 ? (
      <div className="flex h-full">
        <Notice
          title="This session does not exist"
          action={<Link to="/sessions" search={{} as never} className="text-accent hover:underline">Back to sessions</Link>}
        >
          No trace carries this session id. Its traces may have been deleted.
        </Notice>
      </div>
    ) : (
      <div className="flex h-full"><Failed error={query.error} onRetry={() => void query.refetch()} /></div>
    );
  }
  const session = query.data;
  const reading = search.view === "read";
  return (
    <div className="flex h-full min-w-0 flex-col">
      <header className="flex h-12 shrink-0 items-center gap-2.5 border-b border-line px-4">
        <Link to="/sessions" search={{} as never} aria-label="Back to sessions" className="flex size-7 shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-text">
          <ArrowLeft size={15} />
        </Link>
        <StatusDot status={session.status} />
        <h1 className="min-w-0 truncate font-mono text-[14px]">{session.id}</h1>
        <CopyButton text={session.id} label="Copy the session id" />
        <div className="ml-auto flex items-center gap-2">
          <div role="group" aria-label="View" className="flex rounded-md border border-line-strong p-px">
            {([["rows", "Traces", Rows3], ["read", "Conversation", MessagesSquare]] as const).map(([view, label, Icon]) => (
              <button
                key={view}
                type="button"
                aria-pressed={reading === (view === "read")}
                onClick={() => change({ view: view === "read" ? "read" : undefined }, true)}
                className="flex h-6 items-center gap-1.5 rounded-[5px] px-2 text-muted aria-pressed:bg-hover aria-pressed:text-text"
              >
                <Icon size={13} />
                <span className="max-sm:hidden">{label}</span>
              </button>
            ))}
          </div>
          <LiveIndicator />
        </div>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto">
        <section aria-label="Totals" className="grid grid-cols-2 gap-x-8 gap-y-4 border-b border-line px-4 py-5 sm:grid-cols-3 xl:grid-cols-6">
          <Fact name="Cost"><Cost value={session.total_cost} /></Fact>
          <Fact name="Tokens"><Count value={session.total_tokens} /></Fact>
          <Fact name="Duration">{session.duration_ms === null ? <None /> : <Duration value={session.duration_ms} />}</Fact>
          <Fact name="Average trace">{session.avg_latency_ms === null ? <None /> : <Duration value={session.avg_latency_ms} />}</Fact>
          <Fact name="Traces"><Count value={session.trace_count} /></Fact>
          <Fact name="Failed traces">
            <span className={session.error_rate > 0 ? "text-fail" : ""}>{(session.error_rate * 100).toFixed(0)}</span>
            <span className="text-muted"> %</span>
          </Fact>
        </section>
        {reading ? (
          <ol className="mx-auto max-w-[860px] px-4 py-6">
            {session.traces.map((trace, index) => (
              <li key={trace.id} className="border-b border-line py-5 last:border-0">
                <Suspense fallback={<div className="skeleton h-24" />}>
                  <SessionTurn trace={trace} number={index + 1} />
                </Suspense>
              </li>
            ))}
          </ol>
        ) : (
          <ul>
            {session.traces.map((trace) => (
              <TraceRow key={trace.id} trace={trace} />
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

function TraceRow({ trace }: { trace: Trace }) {
  const [open, setOpen] = useState(false);
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <li className="border-b border-line/60">
      <div className="flex h-9 min-w-0 items-center gap-2 px-3 hover:bg-hover">
        <button
          type="button"
          aria-expanded={open}
          aria-label={`${open ? "Hide" : "Show"} the spans of ${trace.name ?? trace.id}`}
          onClick={() => setOpen(!open)}
          className="flex size-6 shrink-0 items-center justify-center rounded text-muted hover:text-text"
        >
          <Chevron size={14} />
        </button>
        <StatusDot status={trace.status} />
        <Link to="/traces/$id" params={{ id: trace.id }} search={{ session_id: trace.session_id ?? undefined } as never} className="min-w-0 truncate hover:underline">
          {trace.name ?? trace.id}
        </Link>
        <span className="max-md:hidden"><ModelChips models={trace.models} /></span>
        <span className="ml-auto flex shrink-0 items-center gap-5 text-right">
          <span className="w-16 max-md:hidden">{trace.span_count} <span className="text-muted">{trace.span_count === 1 ? "span" : "spans"}</span></span>
          <span className="w-16 max-md:hidden"><Count value={trace.total_tokens} /></span>
          <span className="w-16 max-sm:hidden"><Cost value={trace.total_cost} /></span>
          <span className="w-20">{trace.duration_ms === null ? <None /> : <Duration value={trace.duration_ms} />}</span>
          <Time value={trace.started_at} className="w-12 text-muted" />
        </span>
      </div>
      {open && <TraceSpans id={trace.id} />}
    </li>
  );
}

/** The spans of a trace, indented by depth, parents before children. */
function TraceSpans({ id }: { id: string }) {
  const query = useTraceDetail(id);
  if (query.isPending) return <div className="skeleton mx-12 my-2 h-4 w-1/3" />;
  if (query.isError) return <p className="px-12 py-2 text-fail">{query.error.message}</p>;
  return (
    <ul className="pb-1.5">
      {indented(query.data.spans).slice(0, 200).map(({ span, depth }) => (
        <li key={span.id}>
          <Link
            to="/traces/$id"
            params={{ id }}
            search={{ span: span.id } as never}
            style={{ paddingLeft: 44 + Math.min(depth, 12) * 16 }}
            className="flex h-7 min-w-0 items-center gap-2 pr-3 text-[12px] hover:bg-hover"
          >
            <StatusDot status={statusOf(span.status)} />
            <span dir="auto" className="truncate">{span.name}</span>
            <span className="truncate text-faint">{kindWord(span)}</span>
            <span className="ml-auto"><SpanDuration span={span} /></span>
          </Link>
        </li>
      ))}
      {query.data.spans.length > 200 && (
        <li className="px-12 py-1 text-muted">{query.data.spans.length - 200} more in the trace</li>
      )}
    </ul>
  );
}

/** Returns spans parents first, with their depth; cycles and missing parents make roots. */
export function indented(spans: readonly Span[]): { span: Span; depth: number }[] {
  const ids = new Set(spans.map((span) => span.id));
  const children = new Map<string | null, Span[]>();
  for (const span of spans) {
    const parent = span.parent_id !== null && span.parent_id !== span.id && ids.has(span.parent_id) ? span.parent_id : null;
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const out: { span: Span; depth: number }[] = [];
  const seen = new Set<string>();
  const visit = (roots: readonly Span[]) => {
    const waiting = roots.map((span) => ({ span, depth: 0 })).reverse();
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next.span.id)) continue;
      seen.add(next.span.id);
      out.push(next);
      const depth = next.depth + 1;
      for (const child of [...(children.get(next.span.id) ?? [])].reverse()) waiting.push({ span: child, depth });
    }
  };
  visit(children.get(null) ?? []);
  visit(spans.filter((span) => !seen.has(span.id)));
  return out;
}
