import type { Span } from "../../api/types";
import { extentOf, stateOf, type SpanState } from "./span";

/** What the spans of a trace add up to; follows live spans without another request. */
export interface TraceTotals {
  state: SpanState;
  /** Whether anything still runs, also beside a failure. */
  running: boolean;
  spans: number;
  failures: number;
  /** From the first start to the last end, or to now while something runs; null without spans. */
  duration: number | null;
  inputTokens: number;
  outputTokens: number;
  tokens: number;
  cost: number;
}

export function totalsOf(spans: readonly Span[], now: number): TraceTotals {
  const totals: TraceTotals = {
    state: "completed",
    running: false,
    spans: spans.length,
    failures: 0,
    duration: null,
    inputTokens: 0,
    outputTokens: 0,
    tokens: 0,
    cost: 0,
  };
  let start = Infinity;
  let end = -Infinity;
  for (const span of spans) {
    const extent = extentOf(span, now);
    start = Math.min(start, extent.start);
    end = Math.max(end, extent.end);
    const state = stateOf(span);
    if (state === "failed") totals.failures += 1;
    if (state === "running") totals.running = true;
    totals.inputTokens += span.metadata.input_tokens ?? 0;
    totals.outputTokens += span.metadata.output_tokens ?? 0;
    totals.tokens += span.metadata.total_tokens ?? 0;
    totals.cost += span.metadata.estimated_cost ?? 0;
  }
  if (spans.length > 0) totals.duration = end - start;
  totals.state = totals.failures > 0 ? "failed" : totals.running ? "running" : "completed";
  return totals;
}
