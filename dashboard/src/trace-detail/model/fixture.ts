import type { Span } from "../../api/types";

/** A completed custom span from `from` to `to` milliseconds after noon, for tests. */
export function spanAt(id: string, parent: string | null, from: number, to: number | null, more: Partial<Span> = {}): Span {
  return {
    id,
    trace_id: "trace",
    parent_id: parent,
    name: id,
    kind: { type: "custom", kind: "chain", attributes: {} },
    status: to === null ? "running" : "completed",
    started_at: at(from),
    ended_at: to === null ? null : at(to),
    metadata: {
      model: null,
      input_tokens: null,
      output_tokens: null,
      duration_ms: to === null ? null : Math.trunc(to - from),
      total_tokens: null,
      estimated_cost: null,
      total_cost: null,
    },
    ...more,
  };
}

export const noon = Date.parse("2026-03-01T12:00:00Z");

export function at(milliseconds: number): string {
  return new Date(noon + milliseconds).toISOString();
}

export const llm = { kind: { type: "llm_call", model: "gpt-4o" } } satisfies Partial<Span>;
export const tool = {
  kind: { type: "custom", kind: "tool_call", attributes: {} },
} satisfies Partial<Span>;
export const failed = { status: { failed: { error: "boom" } } } satisfies Partial<Span>;
