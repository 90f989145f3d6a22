import { expect, it } from "vitest";
import { readFilter, written } from "./filter-search";

it("keeps a filter in the URL and reads it back", () => {
  const filter = readFilter({ find: "page 7", states: "failed,gone", kinds: "llm,tool" });
  expect(filter).toEqual({ text: "page 7", states: new Set(["failed"]), families: new Set(["llm", "tool"]) });
  expect([written(filter.states), written(filter.families), written(new Set())]).toEqual(["failed", "llm,tool", undefined]);
  expect(readFilter({})).toEqual({ text: "", states: new Set(), families: new Set() });
});
