import { expect, test, vi } from "vitest";

vi.stubGlobal("location", { origin: "https://traceway.test" });
const { isDoor, nextOf } = await import("./paths");

test("next leads to pages of this dashboard with their search", () => {
  expect([{}, { next: "/traces?q=a%20b" }, { next: "/traces/x#y" }].map(nextOf)).toEqual(["/", "/traces?q=a%20b", "/traces/x#y"]);
});

test("next never leads to another site, a script or a door", () => {
  const others = ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "/\t/evil.test", "/login", "/login/?next=/", "traces"];
  expect(others.map((next) => nextOf({ next }))).toEqual(others.map(() => "/"));
});

test("doors are known with a slash at their end, too", () => {
  expect(["/login", "/login/", "/traces", "/"].map(isDoor)).toEqual([true, true, false, false]);
});
