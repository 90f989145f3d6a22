import { describe, expect, it } from "vitest";
import { following, listFilters } from "./neighbours";

describe("neighbours", () => {
  it("follow the trace in its list, or start it when the trace is filtered out", () => {
    expect(following(["a", "b", "c"], "b")).toBe("c");
    expect(following(["a", "b"], "b")).toBeNull();
    expect(following(["x", "y"], "b")).toBe("x");
    expect(following([], "b")).toBeNull();
  });

  it("are looked for with the filters of the list alone", () => {
    const search = { q: "status:failed", since: "24h", span: "s", view: "waterfall", tab: "", limit: 5 };
    expect(listFilters(search)).toEqual({ q: "status:failed", since: "24h" });
    expect(listFilters({ ...search, since: "all" })).toEqual({ q: "status:failed" });
  });
});
