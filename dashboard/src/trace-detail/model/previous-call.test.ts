import { describe, expect, it } from "vitest";
import { llm, spanAt } from "./fixture";
import { previousCalls } from "./previous-call";

const ids = (spans: { id: string }[]) => spans.map((span) => span.id);

describe("previousCalls", () => {
  const first = spanAt("first", "agent", 0, 10, llm);
  const nested = spanAt("nested", "tool", 12, 18, llm);
  const second = spanAt("second", "agent", 20, 30, llm);
  const beside = spanAt("beside", "agent", 19, 35, llm);
  const spans = [first, nested, second, beside, spanAt("chain", "agent", 11, 19)];

  it("gives the latest ended calls under the same parent and of the trace", () => {
    expect(ids(previousCalls(spans, second))).toEqual(["first", "nested"]);
  });

  it("falls back to the latest ended call of the trace", () => {
    expect(ids(previousCalls(spans, spanAt("other", "elsewhere", 50, 60, llm)))).toEqual(["second"]);
  });

  it("adds the latest call of the same name and model", () => {
    const review = spanAt("review", "agent", 40, 45, llm);
    const again = spanAt("again", "agent", 50, 60, { ...llm, name: "nested" });
    expect(ids(previousCalls([...spans, review], again))).toEqual(["nested", "review"]);
  });

  it("gives nothing for the first call and ignores calls that still ran", () => {
    expect(previousCalls(spans, first)).toEqual([]);
    expect(previousCalls([beside], second)).toEqual([]);
  });
});
