import { expect, test } from "vitest";
import { fillOf, presetOf } from "./plans";

test("bars warn from 80 percent on and are full at 100", () => {
  const fills = [[0, 10], [7.99, 10], [8, 10], [9.99, 10], [10, 10], [12, 10], [1e9, null], [0, 0]] as const;
  expect(fills.map(([used, limit]) => fillOf(used, limit))).toEqual(["fine", "fine", "near", "near", "full", "full", "fine", "full"]);
});

test("scopes are called by the preset they make, in whatever order", () => {
  expect(presetOf(["traces_read", "datasets_read", "analytics_read"])).toBe("Read");
  expect(presetOf(["traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read"])).toBe("Write");
  expect(presetOf(["admin", "traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read"])).toBe("Admin");
  expect(presetOf(["traces_write"])).toBe("traces_write");
});
