import { describe, expect, it } from "vitest";
import { failed, llm, spanAt, tool } from "./fixture";
import {
  buildTree,
  defaultExpansion,
  matching,
  noFilter,
  revealing,
  visibleRows,
  withOpen,
} from "./tree";

const names = (rows: { node: { span: { id: string } } }[]) => rows.map((row) => row.node.span.id);

describe("buildTree", () => {
  it("orders siblings by start and then by id", () => {
    const tree = buildTree([
      spanAt("c", "root", 20, 30),
      spanAt("b", "root", 10, 30),
      spanAt("a", "root", 10, 30),
      spanAt("root", null, 0, 40),
    ]);
    expect(tree.nodes.map((node) => node.span.id)).toEqual(["root", "a", "b", "c"]);
  });

  it("tells spans of the same millisecond apart by their microseconds", () => {
    const early = spanAt("z", null, 0, 1, { started_at: "2026-03-01T12:00:00.000100Z" });
    const late = spanAt("a", null, 0, 1, { started_at: "2026-03-01T12:00:00.000200Z" });
    expect(buildTree([late, early]).roots.map((node) => node.span.id)).toEqual(["z", "a"]);
  });

  it("makes a span with a missing parent a root", () => {
    const tree = buildTree([spanAt("a", "gone", 0, 1), spanAt("b", "a", 0, 1)]);
    expect(tree.roots.map((node) => node.span.id)).toEqual(["a"]);
    expect(tree.byId.get("b")?.depth).toBe(1);
  });

  it("cuts a cycle at its earliest span and keeps what hangs on it", () => {
    const tree = buildTree([
      spanAt("leaf", "b", 3, 4),
      spanAt("a", "c", 0, 1),
      spanAt("b", "a", 1, 2),
      spanAt("c", "b", 2, 3),
      spanAt("other", null, 5, 6),
    ]);
    expect(tree.roots.map((node) => node.span.id)).toEqual(["a", "other"]);
    expect(tree.nodes.map((node) => node.span.id)).toEqual(["a", "b", "c", "leaf", "other"]);
  });

  it("treats a span that is its own parent as a root", () => {
    expect(buildTree([spanAt("a", "a", 0, 1)]).roots).toHaveLength(1);
  });

  it("marks every ancestor of a failed span", () => {
    const tree = buildTree([
      spanAt("root", null, 0, 9),
      spanAt("middle", "root", 1, 8),
      spanAt("broken", "middle", 2, 3, failed),
      spanAt("fine", "root", 4, 5),
    ]);
    const marked = tree.nodes.filter((node) => node.failedBelow).map((node) => node.span.id);
    expect(marked).toEqual(["root", "middle"]);
    expect(tree.byId.get("root")?.descendants).toBe(3);
  });

  // Time that grows with the square of the spans would take minutes.
  it("arranges 40 000 spans, flat or in one chain, in time that grows with their number", { timeout: 20_000 }, () => {
    const flat = Array.from({ length: 40_000 }, (_, index) =>
      spanAt(`s${index}`, index === 0 ? null : "s0", index, index + 1),
    );
    const chain = flat.map((span, index) => ({
      ...span,
      parent_id: index === 0 ? null : `s${index - 1}`,
    }));
    expect(buildTree(flat).nodes).toHaveLength(40_000);
    expect(buildTree(chain).nodes[39_999]?.depth).toBe(39_999);
  });
});

describe("visibleRows", () => {
  const tree = buildTree([
    spanAt("1", null, 0, 9),
    spanAt("2", "1", 0, 9),
    spanAt("3", "2", 0, 9, tool),
    spanAt("4", "3", 0, 9, { ...llm, name: "Answer" }),
    spanAt("5", "1", 5, 9, failed),
  ]);

  it("opens the first two levels", () => {
    expect(names(visibleRows(tree, defaultExpansion, null))).toEqual(["1", "2", "3", "5"]);
  });

  it("opens and closes single nodes over the default", () => {
    const open = withOpen(defaultExpansion, "3", true);
    expect(names(visibleRows(tree, open, null))).toEqual(["1", "2", "3", "4", "5"]);
    const closed = withOpen(open, "2", false);
    expect(names(visibleRows(tree, closed, null))).toEqual(["1", "2", "5"]);
  });

  it("reveals a hidden span by opening its ancestors", () => {
    const closed = { everything: false, byId: new Map<string, boolean>() };
    expect(names(visibleRows(tree, revealing(tree, closed, "4"), null))).toEqual([
      "1",
      "2",
      "3",
      "4",
      "5",
    ]);
  });

  it("shows matches with the ancestors that lead to them", () => {
    const found = matching(tree, { ...noFilter, text: "answer GPT" });
    const rows = visibleRows(tree, defaultExpansion, found);
    expect(names(rows)).toEqual(["1", "2", "3", "4"]);
    expect(rows.map((row) => row.matches)).toEqual([false, false, false, true]);
  });

  it("finds an id as a whole or by its beginning, and not by a piece of it", () => {
    const pages = buildTree([
      spanAt("page-7-12", null, 0, 9, { name: "fetch page 3" }),
      spanAt("page-12-4", null, 1, 9, { name: "fetch page 7" }),
      spanAt("x", null, 2, 9, { name: "other" }),
    ]);
    const search = (text: string) => names([...matching(pages, { ...noFilter, text })].map((node) => ({ node })));
    expect(search("fetch page 7")).toEqual(["page-12-4"]);
    expect(search("PAGE-12-4")).toEqual(["page-12-4"]);
    expect(search("page-7")).toEqual(["page-7-12"]);
    expect(search("page-")).toEqual([]);
    expect(search("x")).toEqual(["x"]);
  });

  it("filters by status and kind", () => {
    expect(matching(tree, { ...noFilter, states: new Set(["failed"]) }).size).toBe(1);
    expect(matching(tree, { ...noFilter, families: new Set(["tool", "llm"]) }).size).toBe(2);
  });
});
