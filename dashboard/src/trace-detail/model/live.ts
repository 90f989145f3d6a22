import type { Span, Trace, TraceDetail } from "../../api/types";

/** The events a trace page listens to, in the shape the stream sends them. */
export interface LiveEvent {
  type: string;
  span?: Span;
  trace?: Trace;
  span_id?: string;
  trace_id?: string;
}

/**
 * A trace after some events; the same object when none concerned it, null when it was deleted.
 *
 * A span that has ended never goes back to running, so that replayed events do no harm.
 */
export function afterEvents(
  detail: TraceDetail,
  events: readonly LiveEvent[],
): TraceDetail | null {
  let trace = detail.trace;
  let spans: Map<string, Span> | null = null;
  const opened = () => (spans ??= new Map(detail.spans.map((span) => [span.id, span])));
  for (const event of events) {
    switch (event.type) {
      case "span_created":
      case "span_completed":
      case "span_failed": {
        const span = event.span;
        if (!span || span.trace_id !== trace.id) break;
        const known = opened().get(span.id);
        if (span.status === "running" && known && known.status !== "running") break;
        opened().set(span.id, withoutPayload(span));
        break;
      }
      case "span_deleted":
        if (event.span_id && (event.trace_id === undefined || event.trace_id === trace.id)) {
          if (opened().has(event.span_id)) opened().delete(event.span_id);
        }
        break;
      case "trace_created":
      case "trace_updated":
        if (event.trace?.id === trace.id) trace = { ...event.trace };
        break;
      case "trace_deleted":
        if (event.trace_id === trace.id) return null;
        break;
      case "cleared":
        return null;
    }
  }
  if (!spans && trace === detail.trace) return detail;
  const list = spans ? [...(spans as Map<string, Span>).values()] : detail.spans;
  return { ...detail, trace, spans: list, count: list.length };
}

function withoutPayload(span: Span): Span {
  const { input: _input, output: _output, ...rest } = span;
  return rest;
}
