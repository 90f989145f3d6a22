import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useRef, useState } from "react";
import { api } from "../api/client";
import { useLiveBatches } from "../api/live";
import type { LiveEvent, Span, SpanPage, Summary } from "../api/types";
import { Cost, Count, Duration, None, SpanDuration, TotalCost } from "../components/Figures";
import { kindLabel } from "../components/kind";
import { Failed } from "../components/Notices";
import { Fact, PageHead, StatusDot, statusOf } from "../components/Parts";
import { Onboarding } from "../components/Snippets";
import { Time } from "../components/Time";
import { LiveIndicator } from "../shell/LiveIndicator";

/** Events of the feed. */
const ACTIVITY = 50;
const RECENT = 20;

interface Happening {
  event: LiveEvent;
  /** Tells it from others. */
  id: string;
  at: string;
}

/** What everything adds up to, and what is happening now. */
export default function OverviewPage() {
  const client = useQueryClient();
  const summary = useQuery({
    queryKey: ["summary"],
    queryFn: ({ signal }) => api.get<Summary>("/api/analytics/summary", { signal }),
  });
  const recent = useQuery({
    queryKey: ["recent-spans"],
    queryFn: ({ signal }) => api.get<SpanPage>(`/api/spans?limit=${ACTIVITY}&payload=none`, { signal }),
  });
  const [heard, setHeard] = useState<readonly Happening[]>([]);
  const count = useRef(0);
  const arrival = useRef<readonly Happening[] | null>(null);
  if (recent.data !== undefined) arrival.current ??= recent.data.spans.map(asHappening);
  const before = arrival.current;
  // What happened before one came is told by the spans there were then.
  const activity = useMemo(() => [...heard, ...(before ?? [])].slice(0, ACTIVITY), [heard, before]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useLiveBatches((events) => {
    const at = new Date().toISOString();
    const news = events.filter((event) => event.type !== "resync").map((event) => ({ event, id: String(++count.current), at }));
    if (events.some((event) => event.type === "cleared")) arrival.current = [];
    setHeard((old) => [...news.reverse(), ...old].slice(0, ACTIVITY));
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void client.invalidateQueries({ queryKey: ["summary"] });
      void client.invalidateQueries({ queryKey: ["recent-spans"] });
    }, 1000);
  });

  return (
    <div className="flex h-full min-w-0 flex-col">
      <PageHead title="Overview">
        <LiveIndicator />
      </PageHead>
      <div className="flex min-h-0 flex-1 flex-col overflow-y-auto">
        {summary.isError ? (
          <Failed error={summary.error} onRetry={() => void summary.refetch()} />
        ) : summary.isPending ? (
          <div className="skeleton m-4 h-12 w-2/3" />
        ) : summary.data.total_traces === 0 ? (
          <Onboarding />
        ) : (
          <>
            <Totals summary={summary.data} />
            <div className="grid grid-cols-1 xl:grid-cols-[minmax(0,1fr)_380px]">
              <div className="min-w-0">
                <Models summary={summary.data} />
                <Recent spans={recent.data?.spans.slice(0, RECENT) ?? []} />
              </div>
              <Activity happenings={activity} />
            </div>
          </>
        )}
      </div>
    </div>
  );
}

function Totals({ summary }: { summary: Summary }) {
  const errors = summary.error_rate * 100;
  return (
    <section aria-label="Totals" className="grid grid-cols-2 gap-x-8 gap-y-4 border-b border-line px-4 py-5 sm:grid-cols-4 xl:grid-cols-7">
      <Fact name="Traces"><Count value={summary.total_traces} /></Fact>
      <Fact name="Spans"><Count value={summary.total_spans} /></Fact>
      <Fact name="LLM calls"><Count value={summary.total_llm_calls} /></Fact>
      <Fact name="Tokens"><Count value={summary.total_tokens} /></Fact>
      <Fact name="Cost"><TotalCost value={summary.total_cost} /></Fact>
      <Fact name="Average latency">{summary.avg_latency_ms === null ? <None /> : <Duration value={summary.avg_latency_ms} />}</Fact>
      <Fact name="Failed spans">
        <span className={errors > 0 ? "text-fail" : ""}>{errors > 0 && errors < 0.1 ? "<0.1" : errors.toFixed(1)}</span>
        <span className="text-muted"> %</span>
      </Fact>
    </section>
  );
}

function Heading({ children }: { children: string }) {
  return <h2 className="px-4 pt-5 pb-1.5 text-[11px] font-medium text-muted">{children}</h2>;
}

const CELL = "h-8 border-b border-line/60 px-4 whitespace-nowrap";

/** Models shown before one asks for all. */
const FEW_MODELS = 12;

function Models({ summary }: { summary: Summary }) {
  const [all, setAll] = useState(false);
  const models = Object.entries(summary.models).sort(([, a], [, b]) => b.cost - a.cost || b.count - a.count);
  if (models.length === 0) return null;
  const dearest = Math.max(...models.map(([, used]) => used.cost), Number.MIN_VALUE);
  return (
    <section aria-label="Models">
      <Heading>Models</Heading>
      <div className="overflow-x-auto">
        <table className="w-full text-left">
          <thead>
            <tr className="text-[11px] text-muted">
              {["Model", "Calls", "Tokens", "Cost"].map((title, index) => (
                <th key={title} className={`${CELL} font-normal ${index > 0 ? "w-20 text-right sm:w-28" : ""} ${title === "Tokens" ? "max-sm:hidden" : ""}`}>{title}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {(all ? models : models.slice(0, FEW_MODELS)).map(([model, used]) => (
              <tr key={model} className="hover:bg-hover">
                <td className={`${CELL} max-w-0`}>
                  <Link to="/spans" search={{ q: `model:${/\s/.test(model) ? `"${model}"` : model}` } as never} title={model} className="block truncate hover:underline">
                    {model}
                  </Link>
                  <span className="block h-px bg-accent/60" style={{ width: `${(used.cost / dearest) * 100}%` }} />
                </td>
                <td className={`${CELL} text-right`}><Count value={used.count} /></td>
                <td className={`${CELL} text-right max-sm:hidden`}>{used.tokens === 0 ? <None /> : <Count value={used.tokens} />}</td>
                <td className={`${CELL} text-right`}><TotalCost value={used.cost} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {models.length > FEW_MODELS && (
        <button type="button" aria-expanded={all} onClick={() => setAll(!all)} className="mx-4 mt-1.5 text-[12px] text-muted hover:text-text">
          {all ? "Show fewer models" : `Show all ${models.length} models`}
        </button>
      )}
    </section>
  );
}

function Recent({ spans }: { spans: readonly Span[] }) {
  return (
    <section aria-label="Recent spans" className="pb-6">
      <Heading>Recent spans</Heading>
      <ul>
        {spans.map((span) => (
          <li key={`${span.trace_id}/${span.id}`}>
            <Link
              to="/traces/$id"
              params={{ id: span.trace_id }}
              search={{ span: span.id } as never}
              className="flex h-8 min-w-0 items-center gap-2.5 border-b border-line/60 px-4 hover:bg-hover"
            >
              <StatusDot status={statusOf(span.status)} />
              <span dir="auto" className="truncate" title={span.name}>{span.name}</span>
              <span className="shrink-0 text-faint max-sm:hidden">{kindLabel(span)}</span>
              <span className="ml-auto flex shrink-0 items-center gap-5">
                {span.metadata.estimated_cost !== null && <span className="max-sm:hidden"><Cost value={span.metadata.estimated_cost} /></span>}
                <span className="w-20 text-right"><SpanDuration span={span} /></span>
                <Time value={span.started_at} className="w-10 text-right text-muted" />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

const WORDS: Record<LiveEvent["type"], string> = {
  span_created: "started",
  span_completed: "completed",
  span_failed: "failed",
  span_deleted: "span deleted",
  trace_created: "trace began",
  trace_updated: "trace changed",
  trace_deleted: "trace deleted",
  cleared: "all traces cleared",
  resync: "",
};

/** Returns the last thing that happened to a span. */
function asHappening(span: Span): Happening {
  const type = ({ running: "span_created", completed: "span_completed", failed: "span_failed" } as const)[statusOf(span.status)];
  return { event: { type, span }, id: `${span.trace_id}/${span.id}`, at: span.ended_at ?? span.started_at };
}

function Activity({ happenings }: { happenings: readonly Happening[] }) {
  return (
    <section aria-label="Live activity" className="min-w-0 border-line pb-6 max-xl:border-t xl:border-l">
      <Heading>Live activity</Heading>
      {happenings.length === 0 ? (
        <p className="px-4 py-2 text-muted">Nothing yet. Calls appear here the moment they start.</p>
      ) : (
        <ol>
          {happenings.map(({ event, id, at }) => (
            <li key={id} className="fade-in flex h-7 min-w-0 items-center gap-2 px-4">
              <ActivityLine event={event} />
              <Time value={at} className="w-10 shrink-0 text-right text-muted" />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function ActivityLine({ event }: { event: LiveEvent }) {
  const word = <span className="ml-auto shrink-0 text-faint">{WORDS[event.type]}</span>;
  if ("span" in event) {
    return (
      <>
        <StatusDot status={statusOf(event.span.status)} />
        <Link to="/traces/$id" params={{ id: event.span.trace_id }} search={{ span: event.span.id } as never} title={event.span.name} className="truncate hover:underline">
          {event.span.name}
        </Link>
        {word}
      </>
    );
  }
  const id = "trace" in event ? event.trace.id : "trace_id" in event ? event.trace_id : "";
  const name = "trace" in event ? (event.trace.name ?? id) : id;
  return (
    <>
      <span className="size-2 shrink-0 rounded-full bg-line-strong" />
      <span className="truncate text-muted">{name}</span>
      {word}
    </>
  );
}
