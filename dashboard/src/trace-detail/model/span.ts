import type { Span } from "../../api/types";

/** The families a span is drawn as; each has its own icon and hue. */
export type SpanFamily = "llm" | "tool" | "retrieval" | "embedding" | "agent" | "custom" | "file";

/** The life-cycle word of a span. */
export type SpanState = "running" | "completed" | "failed";

export const families: readonly SpanFamily[] = [
  "llm",
  "tool",
  "retrieval",
  "embedding",
  "agent",
  "custom",
  "file",
];

const customFamilies: Record<string, SpanFamily> = {
  tool_call: "tool",
  tool: "tool",
  retrieval: "retrieval",
  retriever: "retrieval",
  reranker: "retrieval",
  embedding: "embedding",
  agent: "agent",
  workflow: "agent",
};

export function familyOf(span: Span): SpanFamily {
  const kind = span.kind;
  switch (kind.type) {
    case "llm_call":
      return "llm";
    case "fs_read":
    case "fs_write":
      return "file";
    default:
      return customFamilies[kind.kind] ?? "custom";
  }
}

/** The word the API uses for the kind: the inner one for custom spans. */
export function kindWord(span: Span): string {
  return span.kind.type === "custom" ? span.kind.kind : span.kind.type;
}

export function stateOf(span: Span): SpanState {
  const status = span.status;
  return typeof status === "string" ? status : "failed";
}

export function errorOf(span: Span): string | null {
  const status = span.status;
  return typeof status === "object" ? status.failed.error : null;
}

export function modelOf(span: Span): string | null {
  return span.kind.type === "llm_call" ? span.kind.model : null;
}

export function costOf(span: Span): number | null {
  return span.metadata.estimated_cost ?? null;
}

/**
 * Milliseconds since the epoch, with the fraction kept below a millisecond.
 *
 * `Date.parse` cuts at milliseconds, which would draw fast spans on one spot.
 */
export function instant(time: string): number {
  const whole = Date.parse(time);
  if (Number.isNaN(whole)) return 0;
  const fraction = /\.\d{3}(\d+)/.exec(time)?.[1];
  return fraction ? whole + Number(`0.${fraction}`) : whole;
}

/** Parsed once a span: the waterfall asks for every span on every tick of a running trace. */
const extents = new WeakMap<Span, { start: number; end: number | null }>();

/** Where a span lies in time; a running span reaches to `now`, and no span ends before it starts. */
export function extentOf(span: Span, now: number): { start: number; end: number } {
  let extent = extents.get(span);
  if (!extent) {
    const start = instant(span.started_at);
    extent = { start, end: span.ended_at ? Math.max(start, instant(span.ended_at)) : null };
    extents.set(span, extent);
  }
  return { start: extent.start, end: extent.end ?? Math.max(extent.start, now) };
}
