import { afterAll, beforeAll, expect, test } from "vitest";
import { beginOf, endOf, labelOf, momentOf } from "./range";

const zone = process.env.TZ;
beforeAll(() => void (process.env.TZ = "Asia/Tokyo"));
afterAll(() => void (zone === undefined ? delete process.env.TZ : (process.env.TZ = zone)));

test("days begin and end where the reader is", () => {
  expect(beginOf({ day: "2026-01-31", hour: "" })).toBe("2026-01-30T15:00:00.000Z");
  expect(endOf({ day: "2026-01-31", hour: "" })).toBe("2026-01-31T14:59:59.999Z");
  expect(beginOf({ day: "2026-01-31", hour: "09:30" })).toBe("2026-01-31T00:30:00.000Z");
  expect(endOf({ day: "2026-01-31", hour: "09:30" })).toBe("2026-01-31T00:30:59.999Z");
  expect(beginOf({ day: "", hour: "09:30" })).toBe("");
});

test("fields show what was chosen", () => {
  expect(momentOf("2026-01-30T15:00:00.000Z", "00:00")).toEqual({ day: "2026-01-31", hour: "" });
  expect(momentOf("2026-01-31T00:30:59.999Z", "23:59")).toEqual({ day: "2026-01-31", hour: "09:30" });
  expect(momentOf("24h", "00:00")).toEqual({ day: "", hour: "" });
});

test("a range is named by its days, and by hours where they matter", () => {
  expect(labelOf("2026-01-30T15:00:00.000Z", "2026-01-31T14:59:59.999Z")).toBe("2026-01-31");
  expect(labelOf("2026-01-30T15:00:00.000Z", "2026-02-02T00:30:59.999Z")).toBe("2026-01-31 – 2026-02-02 09:30");
  expect(labelOf("", "2026-01-31T14:59:59.999Z")).toBe("… – 2026-01-31");
  expect(labelOf("2d", "1d")).toBe("2d ago – 1d ago");
});
