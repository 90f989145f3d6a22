import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api } from "../api/client";
import type { Span, Trace } from "../api/types";
import { Cost, Duration } from "../components/Figures";
import { Time } from "../components/Time";
import { readConversation } from "../trace-detail/conversation/conversation";
import { MarkdownText } from "../trace-detail/markdown/MarkdownText";
import { kindWord } from "./SpansPage";
import { useTraceDetail } from "./TracesPage";

/** One turn of a conversation: what the user said, what was done in between, what came back. */
export default function SessionTurn({ trace, number }: { trace: Trace; number: number }) {
  const detail = useTraceDetail(trace.id);
  const calls = detail.data?.spans.filter((span) => span.kind.type === "llm_call") ?? [];
  const first = useSpan(trace.id, calls[0]?.id);
  const last = useSpan(trace.id, calls.at(-1)?.id);
  const question = textOf(first, "user");
  const answer = textOf(last, "assistant");
  const steps = detail.data?.spans.filter((span) => span.kind.type === "custom" && span.parent_id !== null) ?? [];
  return (
    <article>
      <header className="mb-3 flex items-center gap-3 text-[12px] text-muted">
        <span className="num">Turn {number}</span>
        <Link to="/traces/$id" params={{ id: trace.id }} search={{} as never} className="min-w-0 truncate text-accent hover:underline">
          {trace.name ?? trace.id}
        </Link>
        <span className="ml-auto flex shrink-0 gap-3">
          <Cost value={trace.total_cost} />
          {trace.duration_ms !== null && <Duration value={trace.duration_ms} />}
          <Time value={trace.started_at} />
        </span>
      </header>
      {question !== null && <Said who="User" text={question} />}
      {steps.length > 0 && (
        <p className="my-2 text-[12px] text-faint">
          {steps.slice(0, 8).map((step) => `${kindWord(step)} ${step.name}`).join(" → ")}
          {steps.length > 8 ? ` → ${steps.length - 8} more` : ""}
        </p>
      )}
      {answer !== null && <Said who="Assistant" text={answer} />}
      {detail.isSuccess && calls.length === 0 && <p className="text-muted">This trace has no model call.</p>}
      {trace.status === "failed" && <p className="mt-2 text-fail">Something failed in this turn.</p>}
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

function useSpan(traceId: string, spanId: string | undefined): Span | undefined {
  const query = useQuery({
    queryKey: ["span", traceId, spanId],
    enabled: spanId !== undefined,
    staleTime: 30_000,
    queryFn: ({ signal }) =>
      api.get<Span>(`/api/spans/${encodeURIComponent(spanId ?? "")}?trace_id=${encodeURIComponent(traceId)}`, { signal }),
  });
  return query.data;
}

/** Returns the last words of a role in a call. */
function textOf(span: Span | undefined, role: "user" | "assistant"): string | null {
  if (span === undefined) return null;
  const messages = readConversation({ input: span.input, output: span.output })?.messages ?? [];
  const said = messages.filter((message) => message.role === role).at(-1);
  const texts = said?.parts.flatMap((part) => ("text" in part && typeof part.text === "string" ? [part.text] : [])) ?? [];
  return texts.length > 0 ? texts.join("\n") : null;
}
