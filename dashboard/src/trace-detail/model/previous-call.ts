import type { Span } from "../../api/types";
import { extentOf, familyOf, instant, modelOf } from "./span";

/**
 * The LLM calls whose conversation this one may continue, at most three.
 *
 * An agent loop repeats one call by name and model, and other frameworks put the calls of a loop
 * under one parent; so these are the latest call of the same name and model, the latest one under
 * the same parent, and the latest one of the trace. Only calls that had ended when this one began.
 */
export function previousCalls(spans: readonly Span[], span: Span): Span[] {
  const start = instant(span.started_at);
  const latest: { alike?: Span; sibling?: Span; any?: Span } = {};
  for (const candidate of spans) {
    if (candidate.id === span.id || familyOf(candidate) !== "llm") continue;
    if (candidate.ended_at === null || extentOf(candidate, 0).end > start) continue;
    const keep = (as: "alike" | "sibling" | "any") => {
      const best = latest[as];
      if (!best || instant(candidate.started_at) >= instant(best.started_at)) latest[as] = candidate;
    };
    keep("any");
    if (candidate.parent_id === span.parent_id) keep("sibling");
    if (candidate.name === span.name && modelOf(candidate) === modelOf(span)) keep("alike");
  }
  const found = new Set<Span>();
  if (latest.alike) found.add(latest.alike);
  if (latest.sibling) found.add(latest.sibling);
  if (latest.any) found.add(latest.any);
  return [...found];
}
