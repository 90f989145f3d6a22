import type { Span } from "../api/types";
import { extentOf, familyOf, instant } from "../trace-detail/model/span";

/** What a turn of a conversation shows of the spans of its trace. */
export interface Turn {
  /** The span whose input is the question. */
  question: Span | undefined;
  /** The span whose output is the answer. */
  answer: Span | undefined;
  /** What was done besides, by start. */
  steps: Span[];
}

/**
 * Tells question, answer and steps of a trace apart.
 *
 * The first model call has the question and the last one the answer; without a call both are taken from the root, when
 * there is one. A root that merely encloses the others is no step.
 */
export function turnOf(spans: readonly Span[]): Turn {
  const ordered = spans.toSorted((a, b) => instant(a.started_at) - instant(b.started_at));
  const calls = ordered.filter((span) => familyOf(span) === "llm");
  const root = rootOf(ordered);
  const question = calls[0] ?? root;
  const answer = calls.at(-1) ?? root;
  const container = root !== undefined && merelyEncloses(root) ? root : undefined;
  const steps = ordered.filter((span) => span !== question && span !== answer && span !== container);
  return { question, answer, steps };
}

/** Returns the only root, or the one that has spans below it and lasts while all others do. */
function rootOf(spans: readonly Span[]): Span | undefined {
  const ids = new Set(spans.map(({ id }) => id));
  const roots = spans.filter(({ id, parent_id }) => parent_id === null || parent_id === id || !ids.has(parent_id));
  if (roots.length <= 1) return roots[0];
  const parents = new Set(spans.map(({ parent_id }) => parent_id));
  const extents = spans.map((span) => extentOf(span, Infinity));
  const first = extents.reduce((least, { start }) => Math.min(least, start), Infinity);
  const last = extents.reduce((most, { end }) => Math.max(most, end), -Infinity);
  return roots.find((root) => {
    const { start, end } = extentOf(root, Infinity);
    return merelyEncloses(root) && parents.has(root.id) && start <= first && end >= last;
  });
}

function merelyEncloses(root: Span): boolean {
  const family = familyOf(root);
  return family === "agent" || family === "custom";
}
