import type { Span } from "../../api/types";
import { extentOf, familyOf } from "./span";

/** Where the wall time of a trace went, in milliseconds. Overlapping spans count once. */
export interface TimingBreakdown {
  /** From the first start to the last end. */
  wall: number;
  llm: number;
  tool: number;
  /** Covered by a model and a tool at the same time; part of both figures above. */
  both: number;
  /** Covered by neither. */
  application: number;
}

interface Interval {
  start: number;
  end: number;
}

export function timingBreakdown(spans: readonly Span[], now: number): TimingBreakdown {
  const llm: Interval[] = [];
  const tool: Interval[] = [];
  let start = Infinity;
  let end = -Infinity;
  for (const span of spans) {
    const extent = extentOf(span, now);
    start = Math.min(start, extent.start);
    end = Math.max(end, extent.end);
    const family = familyOf(span);
    if (family === "llm") llm.push(extent);
    else if (family === "tool") tool.push(extent);
  }
  if (end < start) return { wall: 0, llm: 0, tool: 0, both: 0, application: 0 };
  const wall = end - start;
  const llmTime = covered(llm);
  const toolTime = covered(tool);
  const either = covered([...llm, ...tool]);
  return {
    wall,
    llm: llmTime,
    tool: toolTime,
    both: llmTime + toolTime - either,
    application: wall - either,
  };
}

/** Length of the union of the intervals. */
function covered(intervals: readonly Interval[]): number {
  const ordered = [...intervals].sort((a, b) => a.start - b.start);
  let total = 0;
  let reached = -Infinity;
  for (const { start, end } of ordered) {
    if (end <= reached) continue;
    total += end - Math.max(start, reached);
    reached = end;
  }
  return total;
}
