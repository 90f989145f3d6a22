import type { Span } from "../../api/types";
import { familyOf, instant, stateOf, type SpanFamily, type SpanState } from "./span";

/** A span in its place in the tree. */
export interface TreeNode {
  span: Span;
  parent: TreeNode | null;
  children: TreeNode[];
  depth: number;
  /** Spans below this one, at any depth. */
  descendants: number;
  /** Whether a span below this one failed. */
  failedBelow: boolean;
}

export interface SpanTree {
  roots: TreeNode[];
  /** Every node, parents before children, siblings by start. */
  nodes: TreeNode[];
  byId: Map<string, TreeNode>;
}

/**
 * Arranges flat spans as a tree.
 *
 * A span whose parent is missing is a root. In a cycle of parents the earliest span becomes the
 * root and the link back to it is cut. No recursion, since depth is up to the sender.
 */
export function buildTree(spans: readonly Span[]): SpanTree {
  const starts = new Map<Span, number>();
  for (const span of spans) starts.set(span, instant(span.started_at));
  const ordered = [...spans].sort(
    (a, b) =>
      (starts.get(a) ?? 0) - (starts.get(b) ?? 0) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );

  const byId = new Map<string, TreeNode>();
  for (const span of ordered) {
    if (byId.has(span.id)) continue;
    byId.set(span.id, {
      span,
      parent: null,
      children: [],
      depth: 0,
      descendants: 0,
      failedBelow: false,
    });
  }

  const candidates: TreeNode[] = [];
  const childrenOf = new Map<TreeNode, TreeNode[]>();
  for (const node of byId.values()) {
    const parent = node.span.parent_id === null ? undefined : byId.get(node.span.parent_id);
    if (!parent || parent === node) {
      candidates.push(node);
      continue;
    }
    const siblings = childrenOf.get(parent);
    if (siblings) siblings.push(node);
    else childrenOf.set(parent, [node]);
  }

  const placed = new Set<TreeNode>();
  const roots: TreeNode[] = [];
  const place = (root: TreeNode) => {
    roots.push(root);
    placed.add(root);
    const waiting = [root];
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      for (const child of childrenOf.get(node) ?? []) {
        if (placed.has(child)) continue;
        placed.add(child);
        child.parent = node;
        node.children.push(child);
        waiting.push(child);
      }
    }
  };
  for (const root of candidates) place(root);
  if (placed.size < byId.size) {
    // What is left hangs on cycles.
    for (const node of byId.values()) {
      if (!placed.has(node)) place(cycleEntry(node, byId));
    }
    roots.sort((a, b) => (starts.get(a.span) ?? 0) - (starts.get(b.span) ?? 0));
  }

  const nodes = inReadingOrder(roots);
  for (const node of nodes) node.depth = node.parent ? node.parent.depth + 1 : 0;
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index];
    const parent = node?.parent;
    if (!node || !parent) continue;
    parent.descendants += node.descendants + 1;
    if (node.failedBelow || stateOf(node.span) === "failed") parent.failedBelow = true;
  }
  return { roots, nodes, byId };
}

/** Parents before children, siblings in order. */
function inReadingOrder(
  roots: readonly TreeNode[],
  descend: (node: TreeNode) => boolean = () => true,
): TreeNode[] {
  const nodes: TreeNode[] = [];
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node; node = stack.pop()) {
    nodes.push(node);
    if (!descend(node)) continue;
    for (let index = node.children.length - 1; index >= 0; index--) {
      const child = node.children[index];
      if (child) stack.push(child);
    }
  }
  return nodes;
}

/** The earliest span of the cycle that `node` leads up to. */
function cycleEntry(node: TreeNode, byId: Map<string, TreeNode>): TreeNode {
  const walked = new Set<TreeNode>();
  const up = (from: TreeNode) => byId.get(from.span.parent_id ?? "") ?? from;
  let current = node;
  while (!walked.has(current)) {
    walked.add(current);
    current = up(current);
  }
  let entry = current;
  for (let step = up(current); step !== current; step = up(step)) {
    const earlier = instant(step.span.started_at) - instant(entry.span.started_at);
    if (earlier < 0 || (earlier === 0 && step.span.id < entry.span.id)) entry = step;
  }
  return entry;
}

/** Which nodes are open: the first two levels, unless said otherwise node by node. */
export interface Expansion {
  everything: boolean | null;
  byId: ReadonlyMap<string, boolean>;
}

export const defaultExpansion: Expansion = { everything: null, byId: new Map() };

export function isOpen(node: TreeNode, expansion: Expansion): boolean {
  return expansion.byId.get(node.span.id) ?? expansion.everything ?? node.depth < 2;
}

export function withOpen(expansion: Expansion, id: string, open: boolean): Expansion {
  return { ...expansion, byId: new Map(expansion.byId).set(id, open) };
}

/** Opens every ancestor of a span, so that its row is visible. */
export function revealing(tree: SpanTree, expansion: Expansion, id: string): Expansion {
  let byId: Map<string, boolean> | null = null;
  for (let node = tree.byId.get(id)?.parent ?? null; node; node = node.parent) {
    if (isOpen(node, expansion)) continue;
    byId ??= new Map(expansion.byId);
    byId.set(node.span.id, true);
  }
  return byId ? { ...expansion, byId } : expansion;
}

/** What the search field and the two menus of the tree ask for. */
export interface TreeFilter {
  text: string;
  states: ReadonlySet<SpanState>;
  families: ReadonlySet<SpanFamily>;
}

export const noFilter: TreeFilter = { text: "", states: new Set(), families: new Set() };

export function isFiltering(filter: TreeFilter): boolean {
  return filter.text.trim() !== "" || filter.states.size > 0 || filter.families.size > 0;
}

/** Shorter beginnings of an id are words like any other. */
const shortestId = 6;

/** The spans a filter finds: every word of the text occurs in name, kind or model, or the text begins the id. */
export function matching(tree: SpanTree, filter: TreeFilter): Set<TreeNode> {
  const whole = filter.text.trim().toLowerCase();
  const words = whole.split(/\s+/).filter(Boolean);
  const isId = (id: string) => id === whole || (whole.length >= shortestId && words.length === 1 && id.startsWith(whole));
  const found = new Set<TreeNode>();
  for (const node of tree.nodes) {
    const { span } = node;
    if (filter.states.size > 0 && !filter.states.has(stateOf(span))) continue;
    if (filter.families.size > 0 && !filter.families.has(familyOf(span))) continue;
    if (words.length > 0) {
      const kind = span.kind;
      const detail =
        kind.type === "llm_call" ? kind.model : kind.type === "custom" ? kind.kind : kind.path;
      const haystack = `${span.name}\n${kind.type}\n${detail}`.toLowerCase();
      if (!words.every((word) => haystack.includes(word)) && !isId(span.id.toLowerCase())) continue;
    }
    found.add(node);
  }
  return found;
}

/** One visible line of the tree. */
export interface TreeRow {
  node: TreeNode;
  open: boolean;
  /** False for an ancestor that is shown only to give a match its place. */
  matches: boolean;
}

/** The lines on screen, top to bottom. A filter opens the way to each of its matches. */
export function visibleRows(
  tree: SpanTree,
  expansion: Expansion,
  found: ReadonlySet<TreeNode> | null,
): TreeRow[] {
  if (found) {
    const kept = new Set<TreeNode>(found);
    for (const match of found) {
      for (let node = match.parent; node && !kept.has(node); node = node.parent) kept.add(node);
    }
    return tree.nodes
      .filter((node) => kept.has(node))
      .map((node) => ({ node, open: true, matches: found.has(node) }));
  }
  const openHere = (node: TreeNode) => node.children.length > 0 && isOpen(node, expansion);
  return inReadingOrder(tree.roots, openHere).map((node) => ({
    node,
    open: openHere(node),
    matches: true,
  }));
}
