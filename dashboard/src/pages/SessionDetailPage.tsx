import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { ArrowLeft, ChevronDown, ChevronRight, MessagesSquare, Rows3 } from "lucide-react";
import { lazy, Suspense, useEffect, useLayoutEffect, useRef, useState } from "react";
import { api, ApiError } from "../api/client";
import { useLiveEvents } from "../api/live";
import { renew } from "../api/fresh";
import { traceQuery, useTrace } from "../api/trace";
import type { SessionDetail, Trace } from "../api/types";
import { CopyButton } from "../components/CopyButton";
import { Count, Duration, None, SpanDuration, TotalCost } from "../components/Figures";
import { kindLabel } from "../components/kind";
import { Failed, Notice } from "../components/Notices";
import { Fact, ModelChips, StatusDot, statusOf } from "../components/Parts";
import { Time } from "../components/Time";
import { useMediaQuery } from "../lib/media";
import { patiently } from "../lib/patience";
import { useListSearch, type ListSearch } from "../lists/search";
import { useSelected } from "../lists/useSelected";
import { LiveIndicator } from "../shell/LiveIndicator";
import { keepPlace, placeIn } from "../table/places";
import { useRowKeys } from "../table/useRowKeys";
import { buildTree } from "../trace-detail/model/tree";
import { modelsBesideName, TraceName } from "./TraceName";
import { NarrowRow, TraceTaken } from "./TracesPage";
import { TurnSkeleton } from "./TurnSkeleton";

// What it shows is Markdown: text that is set anew a moment later would move what follows.
const Conversation = lazy(() =>
  patiently(async () => {
    const [conversation] = await Promise.all([import("./Conversation"), import("../trace-detail/markdown/MarkdownBlock")]);
    return conversation;
  }),
);
const keyOf = (trace: Trace) => trace.id;

/** One conversation: what it adds up to, and its traces as rows or as turns to read. */
export default function SessionDetailPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const [, change, url] = useListSearch() as unknown as [unknown, (change: { view?: string | undefined }, replace?: boolean) => void, ListSearch & { view?: string }];
  const { view, ...list } = url;
  const navigate = useNavigate();
  const place = `session ${id}`;
  const [selected, setSelected] = useSelected(place);
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const scroller = useRef<HTMLDivElement>(null);
  const client = useQueryClient();
  const key = ["session", id];
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => api.get<SessionDetail>(`/api/sessions/${encodeURIComponent(id)}`, { signal }),
  });
  const changed = useRef(new Set<string>());
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
    if ("span" in event) changed.current.add(event.span.trace_id);
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void client.invalidateQueries({ queryKey: key });
      for (const trace of changed.current) {
        void renew(client, traceQuery(trace).queryKey);
      }
      changed.current.clear();
    }, 700);
  });

  const reading = view === "read";
  const isShown = query.data !== undefined;
  useLayoutEffect(() => {
    if (isShown && !reading) scroller.current?.scrollTo({ top: placeIn(place).top });
  }, [isShown, reading, place]);
  const toggle = (trace: Trace) => setExpanded((old) => new Set(old.has(trace.id) ? [...old].filter((each) => each !== trace.id) : [...old, trace.id]));
  const open = (trace: Trace) => void navigate({ to: "/traces/$id", params: { id: trace.id }, search: { session_id: trace.session_id ?? undefined } as never });
  useRowKeys({
    rows: reading ? [] : (query.data?.traces ?? []),
    keyOf,
    selected,
    onMove: setSelected,
    onOpen: open,
    onPeek: toggle,
    onClose: () => void navigate({ to: "/sessions", search: list as never }),
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
  return (
    <div className="flex h-full min-w-0 flex-col">
      <header className="flex h-12 shrink-0 items-center gap-2.5 border-b border-line px-4">
        <Link to="/sessions" search={list as never} aria-label="Back to sessions" className="flex size-7 shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-text">
          <ArrowLeft size={15} />
        </Link>
        <StatusDot status={session.status} />
        <h1 title={session.id} className="min-w-0 truncate font-mono text-[14px]">{session.id}</h1>
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
      <div
        ref={scroller}
        onScroll={(event) => !reading && keepPlace(place, { top: event.currentTarget.scrollTop })}
        className="min-h-0 flex-1 overflow-y-auto"
      >
        <section aria-label="Totals" className="grid grid-cols-2 gap-x-8 gap-y-4 border-b border-line px-4 py-5 sm:grid-cols-3 xl:grid-cols-6">
          <Fact name="Cost"><TotalCost value={session.total_cost} /></Fact>
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
          <Suspense fallback={<TurnSkeleton />}>
            <Conversation traces={session.traces} />
          </Suspense>
        ) : (
          <>
            <div aria-hidden className={`${COLUMNS} sticky top-0 z-10 h-8 border-b border-line bg-bg text-[11px] text-muted max-md:hidden`}>
              <span />
              <span>Trace</span>
              <span className="max-xl:hidden">Models</span>
              {["Spans", "Tokens", "Cost", "Duration", "Time"].map((title) => (
                <span key={title} className="text-right">{title}</span>
              ))}
            </div>
            <ul>
              {session.traces.map((trace) => (
                <TraceRow
                  key={trace.id}
                  trace={trace}
                  selected={trace.id === selected}
                  open={expanded.has(trace.id)}
                  onToggle={() => toggle(trace)}
                  onSelect={() => setSelected(trace.id)}
                  onOpen={() => open(trace)}
                />
              ))}
            </ul>
          </>
        )}
      </div>
    </div>
  );
}

const COLUMNS =
  "grid items-center gap-x-4 px-4 grid-cols-[24px_minmax(160px,1fr)_40px_64px_80px_80px_56px] xl:grid-cols-[24px_minmax(200px,1fr)_minmax(120px,208px)_40px_64px_80px_88px_56px]";

function TraceRow({
  trace,
  selected,
  open,
  onToggle,
  onSelect,
  onOpen,
}: {
  trace: Trace;
  selected: boolean;
  open: boolean;
  onToggle: () => void;
  onSelect: () => void;
  onOpen: () => void;
}) {
  const isNarrow = useMediaQuery("(max-width: 767px)");
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (selected) row.current?.scrollIntoView({ block: "nearest" });
  }, [selected]);
  const Chevron = open ? ChevronDown : ChevronRight;
  const chevron = (
    <button
      type="button"
      aria-expanded={open}
      aria-label={`${open ? "Hide" : "Show"} the spans of ${trace.name ?? trace.id}`}
      onClick={onToggle}
      className="-ml-1 flex size-6 shrink-0 items-center justify-center rounded text-muted hover:text-text"
    >
      <Chevron size={14} />
    </button>
  );
  return (
    <li aria-current={selected ? true : undefined} className="border-b border-line/60">
      <div
        ref={row}
        onClick={(event) => {
          if ((event.target as HTMLElement).closest("button") !== null) return;
          onSelect();
          if ((event.target as HTMLElement).closest("a") === null) onOpen();
        }}
        className={`scroll-mt-8 ${isNarrow ? "flex min-w-0 items-center gap-2 px-4 py-2" : `${COLUMNS} h-9`} ${selected ? "selected" : "hover:bg-hover"}`}
      >
        {chevron}
        {isNarrow ? (
          <div className="flex min-w-0 flex-1 flex-col gap-0.5">
            <NarrowRow trace={trace} />
          </div>
        ) : (
          <>
            <span className="flex min-w-0 items-center gap-2.5">
              <StatusDot status={trace.status} />
              <TraceName trace={trace} search={{ session_id: trace.session_id ?? undefined }} modelLook="xl:hidden" />
            </span>
            <span className="min-w-0 max-xl:hidden"><ModelChips models={modelsBesideName(trace)} /></span>
            <span className="text-right"><Count value={trace.span_count} /></span>
            <span className="text-right">{trace.total_tokens === 0 ? <None /> : <Count value={trace.total_tokens} />}</span>
            <span className="text-right"><TotalCost value={trace.total_cost} /></span>
            <span className="text-right"><TraceTaken trace={trace} /></span>
            <span className="text-right"><Time value={trace.started_at} className="text-muted" /></span>
          </>
        )}
      </div>
      {open && <TraceSpans id={trace.id} session={trace.session_id} />}
    </li>
  );
}

/** The spans of a trace, indented by depth, parents before children. */
function TraceSpans({ id, session }: { id: string; session: string | null }) {
  const query = useTrace(id);
  if (query.isPending) return <div className="skeleton mx-12 my-2 h-4 w-1/3" />;
  if (query.isError) return <p className="px-12 py-2 text-fail">{query.error.message}</p>;
  return (
    <ul className="pb-1.5">
      {buildTree(query.data.spans).nodes.slice(0, 200).map(({ span, depth }) => (
        <li key={span.id}>
          <Link
            to="/traces/$id"
            params={{ id }}
            search={{ span: span.id, session_id: session ?? undefined } as never}
            style={{ paddingLeft: 56 + Math.min(depth, 12) * 16 }}
            className="flex h-7 min-w-0 items-center gap-2 pr-4 text-[12px] hover:bg-hover"
          >
            <StatusDot status={statusOf(span.status)} />
            <span dir="auto" className="truncate" title={span.name}>{span.name}</span>
            <span className="truncate text-faint">{kindLabel(span)}</span>
            <span className="ml-auto shrink-0"><SpanDuration span={span} /></span>
          </Link>
        </li>
      ))}
      {query.data.spans.length > 200 && (
        <li className="px-12 py-1 text-muted">{query.data.spans.length - 200} more in the trace</li>
      )}
    </ul>
  );
}
