import { describe, expect, it } from "vitest";
import { defaultJsonOpen, findInJson, jsonRows, opening, piecesOf, type JsonOpen } from "./rows";

const outline = (value: unknown, open: JsonOpen = defaultJsonOpen) =>
  jsonRows(value, open).map((row) => `${" ".repeat(row.depth)}${row.label ?? ""}:${row.type}`);

describe("jsonRows", () => {
  it("lists members by name and closes what it opened", () => {
    expect(outline({ a: 1, b: [true, null], c: {} })).toEqual([
      ":container",
      " a:value",
      " b:container",
      "  0:value",
      "  1:value",
      " :close",
      " c:container",
      ":close",
    ]);
  });

  it("shows big arrays in ranges, each opened on its own", () => {
    const value = Array.from({ length: 250 }, (_, index) => index);
    expect(outline(value)).toEqual([":container", " :range", " :range", " :range", ":close"]);
    const open = { everything: null, byId: new Map([["$/#200", true]]) };
    expect(jsonRows(value, open)).toHaveLength(55);
  });

  it("cuts a long text until it is expanded, and loses no character of it", () => {
    const text = "word and more\n".repeat(5_000);
    expect(outline({ text })).toEqual([":container", " text:long", ":close"]);
    const rows = jsonRows({ text }, { everything: null, byId: new Map([["$/text", true]]) });
    const pieces = rows.flatMap((row) => (row.type === "piece" ? [row.text] : []));
    expect(pieces.length).toBeGreaterThan(30);
    expect(pieces.join("")).toBe(text);
  });

  it("does not split an emoji", () => {
    const text = "😀".repeat(3_000);
    for (const { from, to } of piecesOf(text)) expect((to - from) % 2).toBe(0);
  });

  it("opens hostile nesting without exhausting the stack", () => {
    let value: unknown = 1;
    for (let level = 0; level < 50_000; level++) value = [value];
    expect(jsonRows(value, { everything: true, byId: new Map() }).length).toBeLessThan(1_000);
    expect(findInJson(value, "1")).toEqual([]);
  });

  it("makes few rows of a value of several megabytes", () => {
    const value = Array.from({ length: 40_000 }, (_, index) => ({ index, text: "x".repeat(100) }));
    expect(jsonRows({ value }, defaultJsonOpen).length).toBeLessThan(1_000);
  });
});

describe("findInJson", () => {
  it("finds names, values and every place in a long text, in reading order", () => {
    const value = { moon: 1, sky: { text: `moon ${"filler ".repeat(400)} Moon` }, last: "MOON" };
    const matches = findInJson(value, "moon");
    expect(matches.map((match) => match.row.replace(/@\d+/, "@"))).toEqual([
      "$/moon",
      "$/sky/text/@",
      "$/sky/text/@",
      "$/last",
    ]);
  });

  it("says what to open so that the match is on a row", () => {
    const value = { list: Array.from({ length: 300 }, (_, index) => ({ name: `item ${index}` })) };
    const [match] = findInJson(value, "item 250");
    if (!match) throw new Error("no match");
    const rows = jsonRows(value, opening(defaultJsonOpen, match));
    expect(rows.some((row) => row.id === match.row)).toBe(true);
  });

  it("finds a member whose name holds a slash", () => {
    const value = { "a/b": { c: "needle" } };
    const [match] = findInJson(value, "needle");
    expect(match?.row).toBe("$/a~1b/c");
  });
});
