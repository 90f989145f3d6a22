/** Arrays and objects with more members than this are shown in ranges. */
export const rangeSize = 100;
/** Strings longer than this are cut until they are expanded. */
export const longText = 280;
/** Expanded strings become rows of at most this many characters. */
const pieceSize = 1_600;
/** Nothing is opened below this level, so that hostile nesting cannot exhaust the stack. */
const deepestLevel = 400;
/** "Expand all" stops opening members after this many rows. */
const openAllLimit = 20_000;

/** One line of the viewer. Ids are stable while the value stays the same. */
export type JsonRow = {
  id: string;
  depth: number;
  /** The member name or index; null for the root and for pieces of a long string. */
  label: string | null;
} & (
  | { type: "container"; array: boolean; size: number; open: boolean; preview: string }
  | { type: "range"; from: number; to: number; open: boolean }
  | { type: "close"; array: boolean }
  | { type: "value"; value: string | number | boolean | null }
  | { type: "long"; text: string; open: boolean }
  | { type: "piece"; text: string; last: boolean }
);

/** What is open: the default, unless said otherwise id by id. */
export interface JsonOpen {
  everything: boolean | null;
  byId: ReadonlyMap<string, boolean>;
}

export const defaultJsonOpen: JsonOpen = { everything: null, byId: new Map() };

export const rootId = "$";

export function memberId(parent: string, key: string | number): string {
  return `${parent}/${typeof key === "number" ? key : key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function rangeId(parent: string, from: number): string {
  return `${parent}/#${from}`;
}

/** The visible lines of a value. Only what is open is looked at. */
export function jsonRows(root: unknown, open: JsonOpen, levels = 3): JsonRow[] {
  const rows: JsonRow[] = [];
  const isOpen = (id: string, fallback: boolean) => {
    const said = open.byId.get(id);
    if (said !== undefined) return said;
    if (open.everything === null) return fallback;
    return open.everything && rows.length < openAllLimit;
  };

  const add = (value: unknown, label: string | null, id: string, depth: number) => {
    if (typeof value === "string") {
      if (value.length <= longText && !value.includes("\n")) {
        rows.push({ id, depth, label, type: "value", value });
        return;
      }
      const opened = isOpen(id, false);
      rows.push({ id, depth, label, type: "long", text: value, open: opened });
      if (!opened) return;
      const pieces = piecesOf(value);
      pieces.forEach(({ from, to }, index) => {
        const last = index === pieces.length - 1;
        const text = value.slice(from, to);
        rows.push({ id: pieceId(id, from), depth: depth + 1, label: null, type: "piece", text, last });
      });
      return;
    }
    if (typeof value !== "object" || value === null) {
      const shown =
        typeof value === "number" || typeof value === "boolean" ? value : value === null ? null : String(value);
      rows.push({ id, depth, label, type: "value", value: shown });
      return;
    }
    const array = Array.isArray(value);
    const keys = array ? null : Object.keys(value);
    const size = keys ? keys.length : (value as unknown[]).length;
    const opened =
      size > 0 && depth < deepestLevel && isOpen(id, depth < levels && (depth < 1 || size <= 60));
    rows.push({
      id,
      depth,
      label,
      type: "container",
      array,
      size,
      open: opened,
      preview: opened ? "" : previewOf(value, keys),
    });
    if (!opened) return;
    const member = (index: number, level: number) => {
      if (keys) {
        const key = keys[index] ?? "";
        add((value as Record<string, unknown>)[key], key, memberId(id, key), level);
      } else add((value as unknown[])[index], String(index), memberId(id, index), level);
    };
    if (size <= rangeSize) {
      for (let index = 0; index < size; index++) member(index, depth + 1);
    } else {
      for (let from = 0; from < size; from += rangeSize) {
        const to = Math.min(from + rangeSize, size) - 1;
        const range = rangeId(id, from);
        const rangeOpen = isOpen(range, false);
        rows.push({ id: range, depth: depth + 1, label: null, type: "range", from, to, open: rangeOpen });
        if (!rangeOpen) continue;
        for (let index = from; index <= to; index++) member(index, depth + 2);
      }
    }
    rows.push({ id: `${id}/$`, depth, label: null, type: "close", array });
  };
  add(root, null, rootId, 0);
  return rows;
}

/** A glance at what a closed container holds. */
function previewOf(value: object, keys: readonly string[] | null): string {
  const brief = (member: unknown): string => {
    if (typeof member === "string") {
      return member.length > 24 ? `"${member.slice(0, 24)}…"` : `"${member}"`;
    }
    if (Array.isArray(member)) return member.length === 0 ? "[]" : "[…]";
    if (typeof member === "object" && member !== null) return "{…}";
    return String(member);
  };
  let text = "";
  const size = keys ? keys.length : (value as unknown[]).length;
  for (let index = 0; index < size; index++) {
    if (text.length > 60) return `${text}, …`;
    const key = keys?.[index];
    const member =
      key === undefined ? (value as unknown[])[index] : (value as Record<string, unknown>)[key];
    text += (text ? ", " : "") + (key === undefined ? "" : `${key}: `) + brief(member);
  }
  return text;
}

function pieceId(parent: string, from: number): string {
  return `${parent}/@${from}`;
}

/** Cuts a text at line ends, joining short lines and splitting endless ones. */
export function piecesOf(text: string): { from: number; to: number }[] {
  const pieces: { from: number; to: number }[] = [];
  let from = 0;
  while (from < text.length) {
    let to = Math.min(from + pieceSize, text.length);
    if (to < text.length) {
      const line = text.lastIndexOf("\n", to - 1);
      if (line >= from) to = line + 1;
      else {
        const space = text.lastIndexOf(" ", to - 1);
        if (space > from) to = space + 1;
        else if (isHighSurrogate(text.charCodeAt(to - 1))) to -= 1;
      }
    }
    pieces.push({ from, to });
    from = to;
  }
  return pieces;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

/** A place where the searched text occurs. */
export interface JsonMatch {
  /** The row to scroll to. */
  row: string;
  /** Whether the name or the value matches, and the how manieth time within the row. */
  part: "label" | "text";
  nth: number;
  /** What has to be open for that row to exist. */
  opens: string[];
}

/** More matches than this are not listed. */
export const mostMatches = 2_000;

/** Finds a text in member names and values, in reading order, without regard to case. */
export function findInJson(root: unknown, needle: string): JsonMatch[] {
  const wanted = needle.toLowerCase();
  const matches: JsonMatch[] = [];
  if (wanted === "") return matches;

  interface Visit {
    value: unknown;
    id: string;
    opens: readonly string[];
    label: string | null;
    level: number;
  }
  const stack: Visit[] = [{ value: root, id: rootId, opens: [], label: null, level: 0 }];
  for (let visit = stack.pop(); visit; visit = stack.pop()) {
    if (matches.length >= mostMatches) break;
    const { value, id, opens, label, level } = visit;
    if (label?.toLowerCase().includes(wanted)) matches.push({ row: id, part: "label", nth: 0, opens: [...opens] });
    if (typeof value === "string") {
      const long = value.length > longText || value.includes("\n");
      if (long) findInText(value, wanted, id, opens, matches);
      else if (value.toLowerCase().includes(wanted)) matches.push({ row: id, part: "text", nth: 0, opens: [...opens] });
      continue;
    }
    if (typeof value !== "object" || value === null) {
      if (String(value).includes(wanted)) matches.push({ row: id, part: "text", nth: 0, opens: [...opens] });
      continue;
    }
    if (level >= deepestLevel) continue;
    const keys = Array.isArray(value) ? null : Object.keys(value);
    const size = keys ? keys.length : (value as unknown[]).length;
    const inside = [...opens, id];
    for (let index = size - 1; index >= 0; index--) {
      const key = keys?.[index];
      const ranged = size > rangeSize;
      const from = Math.floor(index / rangeSize) * rangeSize;
      stack.push({
        value: key === undefined ? (value as unknown[])[index] : (value as Record<string, unknown>)[key],
        id: memberId(id, key ?? index),
        opens: ranged ? [...inside, rangeId(id, from)] : inside,
        label: key ?? null,
        level: level + 1,
      });
    }
  }
  return matches;
}

function findInText(
  text: string,
  wanted: string,
  id: string,
  opens: readonly string[],
  matches: JsonMatch[],
): void {
  const lower = text.toLowerCase();
  let found = lower.indexOf(wanted);
  if (found < 0) return;
  const pieces = piecesOf(text);
  let piece = 0;
  let nth = 0;
  for (; found >= 0 && matches.length < mostMatches; found = lower.indexOf(wanted, found + wanted.length)) {
    while (piece < pieces.length - 1 && (pieces[piece]?.to ?? 0) <= found) {
      piece += 1;
      nth = 0;
    }
    matches.push({ row: pieceId(id, pieces[piece]?.from ?? 0), part: "text", nth, opens: [...opens, id] });
    nth += 1;
  }
}

/** Opens what a match needs. */
export function opening(open: JsonOpen, match: JsonMatch): JsonOpen {
  const byId = new Map(open.byId);
  for (const id of match.opens) byId.set(id, true);
  return { ...open, byId };
}
