import { useState } from "react";
import { Failed } from "../components/Notices";
import { SpanPanel } from "../trace-detail/SpanPanel";
import { useTraceDetail } from "./TracesPage";

/** The first model call of a trace, or its first span, beside the list. */
export default function TracePeek({ traceId }: { traceId: string }) {
  const query = useTraceDetail(traceId);
  const [chosen, setChosen] = useState<string | null>(null);
  if (query.isPending) return null;
  if (query.isError) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  const { spans } = query.data;
  const first = spans.find((span) => span.kind.type === "llm_call") ?? spans[0];
  const span = spans.find((each) => each.id === chosen) ?? first;
  if (span === undefined) return <p className="p-4 text-muted">This trace has no spans yet.</p>;
  return (
    <div className="min-h-0 flex-1 overflow-hidden">
      <SpanPanel key={`${traceId}/${span.id}`} traceId={traceId} spanId={span.id} onSpan={setChosen} />
    </div>
  );
}
