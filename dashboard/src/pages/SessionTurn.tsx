import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { spanQuery, useTrace } from "../api/trace";
import type { Span, Trace } from "../api/types";
import { Duration, SpanDuration, TotalCost } from "../components/Figures";
import { StatusDot, statusOf } from "../components/Parts";
import { Time } from "../components/Time";
import { readConversation } from "../trace-detail/conversation/conversation";
import { parsed } from "../trace-detail/conversation/part";
import { ValueView } from "../trace-detail/conversation/ValueView";
import { KindIcon } from "../trace-detail/KindIcon";
import { MarkdownText } from "../trace-detail/markdown/MarkdownText";
import { familyOf, modelOf } from "../trace-detail/model/span";
import { turnOf } from "./turn";
import { TurnLines } from "./TurnSkeleton";

const none: readonly Span[] = [];
/** Steps shown before one asks for more, and the most that are shown. */
const FIRST_STEPS = 8;
const MOST_STEPS = 200;

/** One turn of a conversation: what the user said, what was done in between, what came back. */
export default function SessionTurn({ trace, number, onReady }: { trace: Trace; number: number; onReady: (id: string) => void }) {
  const detail = useTrace(trace.id);
  const turn = useMemo(() => turnOf(detail.data?.spans ?? none), [detail.data]);
  const first = useSpan(trace.id, turn.question?.id);
  const last = useSpan(trace.id, turn.answer?.id);
  const question = saidIn(first.data, "user");
  const answer = saidIn(last.data, "assistant");
  // What cannot be loaded is not waited for.
  const isReady = !detail.isPending && [first, last].every((span) => span.isSuccess || span.isError || turn.question === undefined);
  const isSilent = turn.question?.kind.type !== "llm_call" && question === null && answer === null;
  useEffect(() => {
    if (isReady) onReady(trace.id);
  }, [isReady, onReady, trace.id]);
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
      {isReady && question}
      {isReady && turn.steps.length > 0 && <Steps steps={turn.steps} session={trace.session_id} />}
      {isReady && answer}
      {isReady && detail.isSuccess && !first.isError && !last.isError && isSilent && <p className="text-muted">This trace has no model call.</p>}
      {(detail.isError || first.isError || last.isError) && <p role="alert" className="text-fail">This turn could not be loaded.</p>}
      {isReady && trace.status === "failed" && <p className="mt-2 text-fail">Something failed in this turn.</p>}
    </article>
  );
}

/** What was done between question and answer, a line each. */
function Steps({ steps, session }: { steps: readonly Span[]; session: string | null }) {
  const [whole, setWhole] = useState(false);
  const shown = steps.slice(0, whole ? MOST_STEPS : FIRST_STEPS);
  return (
    <div className="my-2 text-[12px] text-muted">
      <ul aria-label="Steps">
        {shown.map((step) => (
          <li key={step.id}>
            <Link
              to="/traces/$id"
              params={{ id: step.trace_id }}
              search={{ span: step.id, session_id: session ?? undefined } as never}
              className="-mx-2 flex h-7 min-w-0 items-center gap-2 rounded px-2 hover:bg-hover"
            >
              <KindIcon family={familyOf(step)} size={13} />
              <span dir="auto" className="min-w-0 truncate text-text" title={step.name}>{step.name}</span>
              {modelOf(step) !== null && modelOf(step) !== step.name && <span className="min-w-0 truncate">{modelOf(step)}</span>}
              {statusOf(step.status) !== "completed" && <StatusDot status={statusOf(step.status)} />}
              <span className="ml-auto shrink-0"><SpanDuration span={step} /></span>
            </Link>
          </li>
        ))}
      </ul>
      {steps.length > FIRST_STEPS && (
        <button type="button" aria-expanded={whole} onClick={() => setWhole(!whole)} className="h-7 text-accent hover:underline">
          {whole ? "Fewer steps" : `${steps.length - FIRST_STEPS} more ${steps.length === FIRST_STEPS + 1 ? "step" : "steps"}`}
        </button>
      )}
      {whole && steps.length > MOST_STEPS && <p className="py-1">{steps.length - MOST_STEPS} more in the trace</p>}
    </div>
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

/** Data in which nobody speaks. */
function Recorded({ label, value }: { label: string; value: unknown }) {
  return (
    <section aria-label={label} className="my-3">
      <div className="mb-1 text-[11px] text-muted">{label}</div>
      <div className="overflow-hidden rounded-md border border-line">
        <ValueView value={value} label={label} />
      </div>
    </section>
  );
}

function useSpan(traceId: string, spanId: string | undefined) {
  return useQuery({
    ...spanQuery(traceId, spanId ?? ""),
    enabled: spanId !== undefined,
    // A further call takes the place of the one before once it is there.
    placeholderData: keepPreviousData,
  });
}

/** What a side of a turn said; without words, what was recorded, unless it is a model call. Null when there is neither. */
function saidIn(span: Span | undefined, role: "user" | "assistant") {
  if (span === undefined) return null;
  const text = textOf(span, role);
  if (text !== null) return <Said who={role === "user" ? "User" : "Assistant"} text={text} />;
  if (span.kind.type === "llm_call") return null;
  const [label, recorded] = role === "user" ? ["Input", span.input] : ["Output", span.output];
  const value = parsed(recorded);
  if (value === undefined || value === null || value === "") return null;
  return typeof value === "string" ? <Said who={label} text={value} /> : <Recorded label={label} value={value} />;
}

/** Returns the last words of a role in a span. */
function textOf(span: Span, role: "user" | "assistant"): string | null {
  const messages = readConversation({ input: span.input, output: span.output })?.messages ?? [];
  const said = messages.filter((message) => message.role === role).at(-1);
  const texts = said?.parts.flatMap((part) => ("text" in part && typeof part.text === "string" ? [part.text] : [])) ?? [];
  return texts.length > 0 ? texts.join("\n") : null;
}
