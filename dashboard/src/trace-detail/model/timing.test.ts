import { describe, expect, it } from "vitest";
import { llm, noon, spanAt, tool } from "./fixture";
import { timingBreakdown } from "./timing";

describe("timingBreakdown", () => {
  it("counts overlapping spans once and gives the rest to the application", () => {
    const spans = [
      spanAt("root", null, 0, 100),
      spanAt("a", "root", 10, 40, llm),
      spanAt("b", "root", 20, 50, llm),
      spanAt("c", "root", 45, 60, tool),
      spanAt("d", "root", 80, 90, tool),
    ];
    expect(timingBreakdown(spans, noon)).toEqual({
      wall: 100,
      llm: 40,
      tool: 25,
      both: 5,
      application: 40,
    });
  });

  it("lets a running span reach to now", () => {
    const spans = [spanAt("a", null, 0, null, llm)];
    expect(timingBreakdown(spans, noon + 30)).toMatchObject({ wall: 30, llm: 30, application: 0 });
  });

  it("is zero without spans, and not negative when an end precedes its start", () => {
    expect(timingBreakdown([], noon).wall).toBe(0);
    expect(timingBreakdown([spanAt("a", null, 10, 5, llm)], noon)).toMatchObject({ wall: 0, llm: 0 });
  });
});
