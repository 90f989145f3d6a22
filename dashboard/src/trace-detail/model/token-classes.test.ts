import { describe, expect, it } from "vitest";
import type { Span } from "../../api/types";
import { spanAt } from "./fixture";
import { tokenClasses } from "./token-classes";

describe("tokenClasses", () => {
  const kind: Span["kind"] = {
    type: "llm_call",
    model: "claude-sonnet-4",
    input_tokens: 1000,
    output_tokens: 300,
    cached_input_tokens: 600,
    cache_write_tokens: 100,
    reasoning_tokens: 120,
  };

  it("puts each token in one class", () => {
    const rows = tokenClasses(spanAt("a", null, 0, 1, { kind }));
    expect(rows.map((row) => [row.class, row.tokens])).toEqual([
      ["input", 300],
      ["cached_input", 600],
      ["cache_write", 100],
      ["output", 180],
      ["reasoning", 120],
    ]);
    expect(rows.every((row) => row.price === null && row.cost === null)).toBe(true);
  });

  it("takes tokens and prices from the breakdown of the API", () => {
    const span = spanAt("a", null, 0, 1, { kind });
    span.metadata.cost_breakdown = [
      { class: "output", tokens: 300, price_per_million: 15, cost: 0.0045 },
      { class: "input", tokens: 1000, price_per_million: 3, cost: 0.003 },
    ];
    expect(tokenClasses(span).map((row) => [row.class, row.tokens, row.price, row.cost])).toEqual([
      ["input", 1000, 3, 0.003],
      ["output", 300, 15, 0.0045],
    ]);
  });

  it("is empty for spans that are no LLM calls", () => {
    expect(tokenClasses(spanAt("a", null, 0, 1))).toEqual([]);
  });
});
