import { Link, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTrace } from "../api/trace";
import type { TraceDetail } from "../api/types";
import { Failed } from "../components/Notices";
import { useNow } from "../lib/now";
import type { ListSearch } from "../lists/search";
import { totalsOf } from "../trace-detail/model/totals";
import { useLiveTrace } from "../trace-detail/useLiveTrace";
import { SpanPanel } from "../trace-detail/SpanPanel";
import { Started } from "../trace-detail/Started";
import { TraceFigures } from "../trace-detail/TraceFigures";

/** A trace beside the list: what it took, and its first model call or its first span. */
export default function TracePeek({ traceId }: { traceId: string }) {
  const query = useTrace(traceId);
  useLiveTrace(traceId, () => undefined);
  const [chosen, setChosen] = useState<string | null>(null);
  if (query.isPending) return null;
  if (query.isError) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  const { spans } = query.data;
  const calls = spans.filter((span) => span.kind.type === "llm_call");
  const span = spans.find((each) => each.id === chosen) ?? calls[0] ?? spans[0];
  return (
    <div className="flex min-h-0 flex-1 flex-col overflow-hidden">
      <Head detail={query.data} />
      {span === undefined ? (
        <p className="p-4 text-muted">This trace has no spans yet.</p>
      ) : (
        <div className="min-h-0 flex-1">
          <SpanPanel key={`${traceId}/${span.id}`} traceId={traceId} spanId={span.id} onSpan={setChosen} />
        </div>
      )}
    </div>
  );
}

/** The trace as a whole; its name leads to it. */
function Head({ detail }: { detail: TraceDetail }) {
  const { trace, spans } = detail;
  const now = useNow();
  const { peek: _peek, span: _span, trace: _trace, ...filters } = useSearch({ strict: false }) as ListSearch;
  const totals = useMemo(() => totalsOf(spans, now), [spans, now]);
  return (
    <section aria-label="Trace" className="shrink-0 border-b border-line px-5 py-2.5">
      <h2 className="flex min-w-0 text-[14px] font-semibold">
        <Link
          to="/traces/$id"
          params={{ id: trace.id }}
          search={filters as never}
          dir="auto"
          title={trace.name ?? trace.id}
          className="min-w-0 truncate hover:underline"
        >
          {trace.name ?? trace.id}
        </Link>
      </h2>
      <div className="mt-1 flex flex-wrap items-center gap-x-4 gap-y-1 text-[12px] text-muted">
        <TraceFigures totals={totals} />
        <Started at={trace.started_at} />
      </div>
    </section>
  );
}
