import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { api } from "../api/client";
import { useLiveBatches } from "../api/live";
import type { LiveEvent, Span, SpanPage, Summary } from "../api/types";
import { Cost, Count, Duration } from "../components/Figures";
import { Failed } from "../components/Notices";
import { Fact, PageHead, StatusDot, statusOf } from "../components/Parts";
import { Onboarding } from "../components/Snippets";
import { Time } from "../components/Time";
import { LiveIndicator } from "../shell/LiveIndicator";
import { kindWord, SpanDuration } from "./SpansPage";
import { None } from "./TracesPage";

const ACTIVITY = 50;

/** What everything adds up to, and what is happening now. */
export default function OverviewPage() {
  const client = useQueryClient();
  const summary = useQuery({
    queryKey: ["summary"],
    queryFn: ({ signal }) => api.get<Summary>("/api/analytics/summary", { signal }),
  });
  const recent = useQuery({
    queryKey: ["recent-spans"],
    queryFn: ({ signal }) => api.get<SpanPage>("/api/spans?limit=20&payload=none", { signal }),
  });
  const [activity, setActivity] = useState<LiveEvent[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useLiveBatches((events) => {
    setActivity((old) => [...events.filter((event) => event.type !== "resync").reverse(), ...old].slice(0, ACTIVITY));
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
                <Recent spans={recent.data?.spans ?? []} />
              </div>
              <Activity events={activity} />
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
      <Fact name="Cost"><Cost value={summary.total_cost} /></Fact>
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

function Models({ summary }: { summary: Summary }) {
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
            {models.slice(0, 12).map(([model, used]) => (
              <tr key={model} className="hover:bg-hover">
                <td className={`${CELL} max-w-0`}>
                  <Link to="/spans" search={{ q: `model:${/\s/.test(model) ? `"${model}"` : model}` } as never} className="block truncate hover:underline">
                    {model}
                  </Link>
                  <span className="block h-px bg-accent/60" style={{ width: `${(used.cost / dearest) * 100}%` }} />
                </td>
                <td className={`${CELL} text-right`}><Count value={used.count} /></td>
                <td className={`${CELL} text-right max-sm:hidden`}><Count value={used.tokens} /></td>
                <td className={`${CELL} text-right`}><Cost value={used.cost} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
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
              <span dir="auto" className="truncate">{span.name}</span>
              <span className="truncate text-faint max-sm:hidden">{kindWord(span)}</span>
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

function Activity({ events }: { events: readonly LiveEvent[] }) {
  return (
    <section aria-label="Live activity" className="min-w-0 border-line max-xl:hidden xl:border-l">
      <Heading>Live activity</Heading>
      {events.length === 0 ? (
        <p className="px-4 py-2 text-muted">Nothing yet. Calls appear here the moment they start.</p>
      ) : (
        <ol>
          {events.map((event, index) => (
            <li key={events.length - index} className="fade-in flex h-7 min-w-0 items-center gap-2 px-4">
              <ActivityLine event={event} />
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
        <Link to="/traces/$id" params={{ id: event.span.trace_id }} search={{ span: event.span.id } as never} className="truncate hover:underline">
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
