import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { api } from "../api/client";
import type { Span, Trace } from "../api/types";
import { Duration, TotalCost } from "../components/Figures";
import { kindLabel } from "../components/kind";
import { Time } from "../components/Time";
import { readConversation } from "../trace-detail/conversation/conversation";
import { MarkdownText } from "../trace-detail/markdown/MarkdownText";
import { useTraceDetail } from "./TracesPage";
import { TurnLines } from "./TurnSkeleton";

/** One turn of a conversation: what the user said, what was done in between, what came back. */
export default function SessionTurn({ trace, number, onReady }: { trace: Trace; number: number; onReady: (id: string) => void }) {
  const detail = useTraceDetail(trace.id);
  const calls = detail.data?.spans.filter((span) => span.kind.type === "llm_call") ?? [];
  const first = useSpan(trace.id, calls[0]?.id);
  const last = useSpan(trace.id, calls.at(-1)?.id);
  const question = textOf(first.data, "user");
  const answer = textOf(last.data, "assistant");
  // What cannot be loaded is not waited for.
  const isReady = !detail.isPending && [first, last].every((call) => call.isSuccess || call.isError || calls.length === 0);
  useEffect(() => {
    if (isReady) onReady(trace.id);
  }, [isReady, onReady, trace.id]);
  const steps = detail.data?.spans.filter((span) => span.kind.type === "custom" && span.parent_id !== null) ?? [];
  return (
    <article>
      <header className="mb-3 flex items-center gap-3 text-[12px] text-muted">
        <span className="num">Turn {number}</span>
        <Link to="/traces/$id" params={{ id: trace.id }} search={{ session_id: trace.session_id ?? undefined } as never} title={trace.name ?? trace.id} className="min-w-0 truncate text-accent hover:underline">
          {trace.name ?? trace.id}
        </Link>
        <span className="ml-auto flex shrink-0 gap-3">
          <TotalCost value={trace.total_cost} />
          {trace.duration_ms !== null && <Duration value={trace.duration_ms} />}
          <Time value={trace.started_at} />
        </span>
      </header>
      {!isReady && <TurnLines />}
      {isReady && question !== null && <Said who="User" text={question} />}
      {isReady && steps.length > 0 && (
        <p className="my-2 text-[12px] text-faint">
          {steps.slice(0, 8).map((step) => `${kindLabel(step)} ${step.name}`).join(" → ")}
          {steps.length > 8 ? ` → ${steps.length - 8} more` : ""}
        </p>
      )}
      {isReady && answer !== null && <Said who="Assistant" text={answer} />}
      {detail.isSuccess && calls.length === 0 && <p className="text-muted">This trace has no model call.</p>}
      {(detail.isError || first.isError || last.isError) && <p role="alert" className="text-fail">This turn could not be loaded.</p>}
      {isReady && trace.status === "failed" && <p className="mt-2 text-fail">Something failed in this turn.</p>}
    </article>
  );
}

function Said({ who, text }: { who: string; text: string }) {
  return (
    <div className="my-3">
      <div className="mb-1 text-[11px] text-muted">{who}</div>
      <MarkdownText text={text} />
    </div>
  );
}

function useSpan(traceId: string, spanId: string | undefined) {
  return useQuery({
    queryKey: ["span", traceId, spanId],
    enabled: spanId !== undefined,
    staleTime: 30_000,
    // A further call takes the place of the one before once it is there.
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      api.get<Span>(`/api/spans/${encodeURIComponent(spanId ?? "")}?trace_id=${encodeURIComponent(traceId)}`, { signal }),
  });
}

/** Returns the last words of a role in a call. */
function textOf(span: Span | undefined, role: "user" | "assistant"): string | null {
  if (span === undefined) return null;
  const messages = readConversation({ input: span.input, output: span.output })?.messages ?? [];
  const said = messages.filter((message) => message.role === role).at(-1);
  const texts = said?.parts.flatMap((part) => ("text" in part && typeof part.text === "string" ? [part.text] : [])) ?? [];
  return texts.length > 0 ? texts.join("\n") : null;
}
