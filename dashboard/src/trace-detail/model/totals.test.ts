import { describe, expect, it } from "vitest";
import { failed, noon, spanAt } from "./fixture";
import { totalsOf } from "./totals";

describe("totalsOf", () => {
  it("adds up tokens and cost and spans the first start to the last end", () => {
    const [a, b] = [spanAt("a", null, 0, 50), spanAt("b", "a", 10, 80)];
    Object.assign(a.metadata, { input_tokens: 3, output_tokens: 2, total_tokens: 5, estimated_cost: 0.1 });
    Object.assign(b.metadata, { total_tokens: 7, estimated_cost: 0.2 });
    const totals = totalsOf([a, b], noon);
    expect(totals).toMatchObject({ state: "completed", spans: 2, duration: 80, tokens: 12 });
    expect(totals.cost).toBeCloseTo(0.3);
  });

  it("is failed before running, and running before completed", () => {
    const running = spanAt("r", null, 0, null);
    expect(totalsOf([running, spanAt("f", null, 0, 1, failed)], noon + 5).state).toBe("failed");
    expect(totalsOf([running], noon + 5)).toMatchObject({ state: "running", duration: 5 });
    expect(totalsOf([], noon)).toMatchObject({ state: "completed", duration: null });
  });
});
