import type { Span } from "../../api/types";
import { extentOf, familyOf, stateOf, type SpanFamily } from "./span";
import type { TreeNode } from "./tree";

/** A stretch of time in epoch milliseconds. */
export interface TimeWindow {
  start: number;
  end: number;
}

/** A share of the window, both from 0 to 1. */
export interface Bar {
  left: number;
  width: number;
}

export interface Tick {
  /** Share of the window, 0 to 1. */
  at: number;
  /** Milliseconds since the start of the trace. */
  offset: number;
}

/** The whole trace; never empty, so that positions can be divided by its length. */
export function traceWindow(spans: readonly Span[], now: number): TimeWindow {
  let start = Infinity;
  let end = -Infinity;
  for (const span of spans) {
    const extent = extentOf(span, now);
    start = Math.min(start, extent.start);
    end = Math.max(end, extent.end);
  }
  if (end < start) return { start: now, end: now + 1 };
  return { start, end: Math.max(end, start + 0.001) };
}

/** Where a span lies in a window; null when it is outside. */
export function barOf(span: Span, window: TimeWindow, now: number): Bar | null {
  const { start, end } = extentOf(span, now);
  if (end < window.start || start > window.end) return null;
  const length = window.end - window.start;
  const left = Math.max(0, (start - window.start) / length);
  const right = Math.min(1, (end - window.start) / length);
  return { left, width: Math.max(0, right - left) };
}

/** Round steps for a ruler, at most `most` ticks, counted from the start of the trace. */
export function ticks(window: TimeWindow, origin: number, most: number): Tick[] {
  const length = window.end - window.start;
  const step = roundStep(length / Math.max(1, most));
  const marks: Tick[] = [];
  // Adding zero turns a negative zero into a plain one.
  const first = Math.ceil((window.start - origin) / step - 1e-9) + 0;
  for (let index = first; marks.length <= most; index++) {
    const offset = index * step;
    const at = (origin + offset - window.start) / length;
    if (at > 1 + 1e-9) break;
    marks.push({ at: Math.max(0, at), offset });
  }
  return marks;
}

const minute = 60_000;
const hour = 60 * minute;
const clockSteps = [
  minute,
  2 * minute,
  5 * minute,
  10 * minute,
  15 * minute,
  30 * minute,
  hour,
  2 * hour,
  6 * hour,
  12 * hour,
  24 * hour,
];

function roundStep(least: number): number {
  if (least > 30_000) {
    const step = clockSteps.find((candidate) => candidate >= least);
    return step ?? Math.ceil(least / (24 * hour)) * 24 * hour;
  }
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5].find((candidate) => candidate * power >= least - 1e-12) ?? 10;
  return factor * power;
}

/** Zooms by `factor` (below 1 = closer) around a point given as a share of the window. */
export function zoomed(
  window: TimeWindow,
  whole: TimeWindow,
  around: number,
  factor: number,
): TimeWindow {
  const length = window.end - window.start;
  const least = (whole.end - whole.start) / 10_000;
  const next = Math.min(Math.max(length * factor, least), whole.end - whole.start);
  const pivot = window.start + length * around;
  return clamped({ start: pivot - next * around, end: pivot + next * (1 - around) }, whole);
}

/** Zooms so that a moment comes to the middle, as far as the trace reaches. */
export function zoomedTo(window: TimeWindow, whole: TimeWindow, moment: number, factor: number): TimeWindow {
  const { start, end } = zoomed(window, whole, 0.5, factor);
  return clamped({ start: moment - (end - start) / 2, end: moment + (end - start) / 2 }, whole);
}

/**
 * The moment one looks at: the middle of the chosen span, or of those on screen.
 *
 * A span that fills the window says nothing about where in it one looks.
 */
export function momentOfInterest(
  chosen: Span | null,
  onScreen: readonly Span[],
  window: TimeWindow,
  now: number,
): number {
  const length = window.end - window.start;
  const short = (span: Span) => {
    const bar = barOf(span, window, now);
    return bar !== null && bar.width < 0.9;
  };
  const middle = (span: Span) => {
    const { start, end } = extentOf(span, now);
    return (Math.max(start, window.start) + Math.min(end, window.end)) / 2;
  };
  if (chosen && short(chosen)) return middle(chosen);
  const middles = onScreen.filter(short).map(middle).sort((a, b) => a - b);
  return middles[middles.length >> 1] ?? window.start + length / 2;
}

/** A window of the same length in which a span can be seen; the same one when it is seen already. */
export function showing(span: Span, window: TimeWindow, whole: TimeWindow, now: number): TimeWindow {
  if (barOf(span, window, now)) return window;
  const { start, end } = extentOf(span, now);
  return zoomedTo(window, whole, (start + end) / 2, 1);
}

/** Moves the window by a share of its own length. */
export function panned(window: TimeWindow, whole: TimeWindow, by: number): TimeWindow {
  const shift = (window.end - window.start) * by;
  return clamped({ start: window.start + shift, end: window.end + shift }, whole);
}

function clamped(window: TimeWindow, whole: TimeWindow): TimeWindow {
  const length = Math.min(window.end - window.start, whole.end - whole.start);
  const start = Math.min(Math.max(window.start, whole.start), whole.end - length);
  return { start, end: start + length };
}

/** One mark of the minimap, all four as shares of its box. */
export interface MinimapMark {
  left: number;
  right: number;
  top: number;
  family: SpanFamily;
  failed: boolean;
}

/**
 * The trace drawn small: spans in tree order from top to bottom, put on `lanes` lines.
 *
 * Marks of one lane and look that touch are joined, so that a trace of ten thousand spans costs
 * few rectangles. Failures come last and so lie on top.
 */
export function minimapMarks(
  nodes: readonly TreeNode[],
  whole: TimeWindow,
  now: number,
  lanes: number,
  columns: number,
): MinimapMark[] {
  const marks: MinimapMark[] = [];
  const failures: MinimapMark[] = [];
  const open = new Map<string, MinimapMark>();
  const joint = 1 / columns;
  nodes.forEach((node, index) => {
    const bar = barOf(node.span, whole, now);
    if (!bar) return;
    const lane = Math.floor((index / nodes.length) * lanes);
    const family = familyOf(node.span);
    const failed = stateOf(node.span) === "failed";
    const left = bar.left;
    const right = bar.left + Math.max(bar.width, joint);
    const key = `${lane}/${family}/${failed}`;
    const last = open.get(key);
    if (last && left <= last.right + joint && right >= last.left - joint) {
      last.left = Math.min(last.left, left);
      last.right = Math.max(last.right, right);
      return;
    }
    const mark = { left, right, top: lane / lanes, family, failed };
    open.set(key, mark);
    (failed ? failures : marks).push(mark);
  });
  return [...marks, ...failures];
}
