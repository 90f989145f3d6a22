import { describe, expect, it } from "vitest";
import type { TraceDetail } from "../../api/types";
import { spanAt } from "./fixture";
import { afterEvents } from "./live";

const trace: TraceDetail["trace"] = {
  id: "trace",
  name: "chat",
  tags: [],
  session_id: null,
  metadata: {},
  machine_id: null,
  started_at: "2026-03-01T12:00:00Z",
  ended_at: null,
  status: "running",
  span_count: 1,
  duration_ms: null,
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  total_cost: 0,
  models: [],
  input_preview: null,
};
const detail: TraceDetail = { trace, spans: [spanAt("a", null, 0, null)], count: 1 };

describe("afterEvents", () => {
  it("adds and finishes spans, without their payloads", () => {
    const ended = { ...spanAt("a", null, 0, 5), input: "in", output: "out" };
    const next = afterEvents(detail, [
      { type: "span_created", span: spanAt("b", "a", 1, null) },
      { type: "span_completed", span: ended },
    ]);
    expect(next?.spans.map((span) => [span.id, span.status])).toEqual([
      ["a", "completed"],
      ["b", "running"],
    ]);
    expect(next?.spans[0]).not.toHaveProperty("input");
    expect(next?.count).toBe(2);
  });

  it("does not reopen a span that has ended", () => {
    const done: TraceDetail = { ...detail, spans: [spanAt("a", null, 0, 5)] };
    const next = afterEvents(done, [{ type: "span_created", span: spanAt("a", null, 0, null) }]);
    expect(next?.spans[0]?.status).toBe("completed");
  });

  it("removes deleted spans and ends with the trace", () => {
    expect(afterEvents(detail, [{ type: "span_deleted", span_id: "a", trace_id: "trace" }])?.spans).toEqual([]);
    expect(afterEvents(detail, [{ type: "trace_deleted", trace_id: "trace" }])).toBeNull();
    expect(afterEvents(detail, [{ type: "cleared" }])).toBeNull();
  });

  it("leaves the trace alone when the events are about others", () => {
    const other = { ...spanAt("a", null, 0, 5), trace_id: "another" };
    const events = [
      { type: "span_completed", span: other },
      { type: "span_deleted", span_id: "a", trace_id: "another" },
      { type: "trace_deleted", trace_id: "another" },
    ];
    expect(afterEvents(detail, events)).toBe(detail);
  });
});
