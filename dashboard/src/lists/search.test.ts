import { expect, test } from "vitest";
import { inRange, withSession } from "./search";

test("a list shows the usual range of its project unless the URL names one", () => {
  expect(inRange({ q: "a" }, "24h")).toEqual({ q: "a", since: "24h" });
  expect(inRange({ since: "7d" }, "24h")).toEqual({ since: "7d" });
  expect(inRange({ since: "all" }, "24h")).toEqual({});
  expect(inRange({ until: "2026-01-01" }, "24h")).toEqual({ until: "2026-01-01" });
  expect(inRange({ q: "a" }, undefined)).toEqual({ q: "a" });
});

test("the traces of a session are found by a search", () => {
  expect(withSession(undefined, "chat-1")).toBe("session:chat-1");
  expect(withSession("status:failed", 'a "b"')).toBe('session:"a \\"b\\"" status:failed');
});
