import { expect, test } from "vitest";
import { mergeFirstPage, without } from "./merge";

const row = (id: string, version = 1) => ({ id, version });
const keyOf = (each: { id: string }) => each.id;

test("new rows go on top and known ones are replaced in place", () => {
  const merged = mergeFirstPage([[row("b"), row("a")], [row("z")]], [row("d"), row("c"), row("b", 2), row("z", 2)], keyOf);
  expect(merged.pages).toEqual([[row("d"), row("c"), row("b", 2), row("a")], [row("z", 2)]]);
  expect(merged.added).toEqual(["d", "c"]);
});

test("a new row stands where the server has it", () => {
  const merged = mergeFirstPage([[row("e"), row("c")], [row("a")]], [row("e"), row("d"), row("c")], keyOf);
  expect(merged.pages).toEqual([[row("e"), row("d"), row("c")], [row("a")]]);
  expect(merged.added).toEqual(["d"]);
});

test("rows that move up into the first page because others went are not new", () => {
  const merged = mergeFirstPage([[row("c"), row("b")]], [row("d"), row("c", 2), row("b"), row("a")], keyOf);
  expect(merged).toEqual({ pages: [[row("d"), row("c", 2), row("b")]], added: ["d"] });
});

test("a page that is the whole list drops rows it no longer has", () => {
  const merged = mergeFirstPage([[row("b"), row("a")]], [row("c"), row("a", 2)], keyOf, true);
  expect(merged).toEqual({ pages: [[row("c"), row("a", 2)]], added: ["c"] });
});

test("an empty list takes the first rows", () => {
  expect(mergeFirstPage([], [row("a")], keyOf).pages).toEqual([[row("a")]]);
});

test("deleted rows leave every page", () => {
  expect(without([[row("a"), row("b")], [row("c")]], (each) => each.id !== "b")).toEqual([[row("b")], []]);
});
