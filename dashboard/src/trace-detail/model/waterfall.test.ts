import { describe, expect, it } from "vitest";
import { failed, llm, noon, spanAt } from "./fixture";
import { buildTree } from "./tree";
import { barOf, minimapMarks, momentOfInterest, panned, showing, ticks, traceWindow, zoomed, zoomedTo } from "./waterfall";

describe("waterfall", () => {
  const spans = [spanAt("a", null, 0, 100), spanAt("b", "a", 50, null)];
  const now = noon + 200;
  const whole = traceWindow(spans, now);

  it("spans the axis from the first start to now while something runs", () => {
    expect(whole).toEqual({ start: noon, end: noon + 200 });
  });

  it("places bars as shares of the window and hides what lies outside", () => {
    const [a, b] = spans;
    if (!a || !b) throw new Error("two spans");
    expect(barOf(a, whole, now)).toEqual({ left: 0, width: 0.5 });
    expect(barOf(b, whole, now)).toEqual({ left: 0.25, width: 0.75 });
    expect(barOf(a, { start: noon + 150, end: noon + 200 }, now)).toBeNull();
    expect(barOf(b, { start: noon + 100, end: noon + 150 }, now)).toEqual({ left: 0, width: 1 });
  });

  it("has a window of some length for an instant trace", () => {
    const point = traceWindow([spanAt("a", null, 5, 5)], now);
    expect(point.end).toBeGreaterThan(point.start);
  });

  it("rules in round steps counted from the start of the trace", () => {
    expect(ticks(whole, noon, 5).map((tick) => tick.offset)).toEqual([0, 50, 100, 150, 200]);
    const closer = { start: noon + 90, end: noon + 130 };
    expect(ticks(closer, noon, 5).map((tick) => tick.offset)).toEqual([90, 100, 110, 120, 130]);
    const hours = { start: noon, end: noon + 3_600_000 };
    expect(ticks(hours, noon, 6).map((tick) => tick.offset / 60_000)).toEqual([0, 10, 20, 30, 40, 50, 60]);
  });

  it("zooms around a point and never leaves the trace", () => {
    expect(zoomed(whole, whole, 0.5, 0.5)).toEqual({ start: noon + 50, end: noon + 150 });
    expect(zoomed(whole, whole, 0, 4)).toEqual(whole);
    expect(panned({ start: noon + 150, end: noon + 200 }, whole, 1)).toEqual({
      start: noon + 150,
      end: noon + 200,
    });
  });

  it("zooms to what one looks at, which is not what fills the window", () => {
    const long = { start: noon, end: noon + 1000 };
    const root = spanAt("root", null, 0, 1000);
    const early = [10, 20, 30].map((from) => spanAt(`s${from}`, "root", from, from + 10));
    const late = spanAt("late", "root", 800, 900);
    expect(momentOfInterest(late, early, long, now)).toBe(noon + 850);
    expect(momentOfInterest(root, [root, ...early, late], long, now)).toBe(noon + 35);
    expect(momentOfInterest(null, [root], long, now)).toBe(noon + 500);
    expect(zoomedTo(long, long, noon + 850, 0.5)).toEqual({ start: noon + 500, end: noon + 1000 });
    expect(zoomedTo(long, long, noon + 600, 0.5)).toEqual({ start: noon + 350, end: noon + 850 });
    const close = { start: noon, end: noon + 100 };
    expect(showing(late, close, long, now)).toEqual({ start: noon + 800, end: noon + 900 });
    expect(showing(root, close, long, now)).toBe(close);
  });

  it("joins touching marks of the minimap and draws failures last", () => {
    const many = [
      spanAt("root", null, 0, 1000),
      spanAt("bad", "root", 5, 10, { ...llm, ...failed }),
      ...Array.from({ length: 500 }, (_, index) =>
        spanAt(`s${String(index).padStart(3, "0")}`, "root", 10 + index, 12 + index, llm),
      ),
    ];
    const tree = buildTree(many);
    const marks = minimapMarks(tree.nodes, traceWindow(many, now), now, 10, 200);
    expect(marks.length).toBeLessThan(30);
    expect(marks.at(-1)?.failed).toBe(true);
  });
});
