import { expect, test } from "vitest";
import { counted, formatAgo, formatBytes, formatCost, formatCount, formatDuration, formatElapsed, formatExactCost } from "./format";

test("durations change unit where the next one reads better", () => {
  expect([0, 420, 999, 1240, 59_990, 60_000, 125_000, 3_720_000].map(formatDuration)).toEqual([
    "0 ms", "420 ms", "999 ms", "1.24 s", "59.99 s", "1 m 00 s", "2 m 05 s", "1 h 02 m",
  ]);
});

test("what still runs is counted in whole seconds", () => {
  expect([420, 34_350, 125_900].map(formatElapsed)).toEqual(["0 s", "34 s", "2 m 06 s"]);
});

test("a noun follows its count", () => {
  expect([0, 1, 1200].map((count) => counted(count, "span"))).toEqual(["0 spans", "1 span", "1,200 spans"]);
});

test("costs keep two significant digits below a dollar, and never more room than a column has", () => {
  expect([0, 0.0031, 0.000123, 0.00999, 0.01, 0.03, 0.0132, 0.0993, 0.0997, 0.126, 0.996, 1.5, 12_345.6].map(formatCost)).toEqual([
    "$0", "$0.0031", "$0.00012", "$0.010", "$0.010", "$0.030", "$0.013", "$0.099", "$0.10", "$0.13", "$1.00", "$1.50", "$12,346",
  ]);
  expect([0.000_001, 0.000_000_99, 0.000_000_24].map(formatCost)).toEqual(["$0.0000010", "<$0.000001", "<$0.000001"]);
});

test("all digits of a cost can be had", () => {
  expect([0, 2, 0.1 + 0.2, 0.000_000_24, 12_345.678].map(formatExactCost)).toEqual(["$0", "$2", "$0.3", "$0.00000024", "$12345.678"]);
});

test("counts never show a thousand of a unit", () => {
  expect([999, 1000, 12_400, 999_949, 999_950, 3_100_000].map(formatCount)).toEqual([
    "999", "1.0 k", "12.4 k", "999.9 k", "1.0 M", "3.1 M",
  ]);
});

test("times in the future count as now", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(formatAgo("2026-01-01T00:00:09Z", now)).toBe("now");
  expect(formatAgo("2025-12-31T22:00:00Z", now)).toBe("2 h");
});

test("bytes are said in the unit that reads best", () => {
  expect([0, 999, 1000, 1_234_567, 5e12, 7e15].map(formatBytes)).toEqual(["0 B", "999 B", "1.0 kB", "1.2 MB", "5.0 TB", "7000.0 TB"]);
});
