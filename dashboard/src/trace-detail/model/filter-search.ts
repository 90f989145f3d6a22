import { families, type SpanFamily, type SpanState } from "./span";
import type { TreeFilter } from "./tree";

/** A filter of the tree as the URL keeps it. */
export interface FilterSearch {
  find?: string;
  states?: string;
  kinds?: string;
}

const states: readonly SpanState[] = ["completed", "failed", "running"];

/** The filter a URL asks for; words it does not know are left out. */
export function readFilter(search: FilterSearch): TreeFilter {
  return {
    text: search.find ?? "",
    states: chosen<SpanState>(states, search.states),
    families: chosen<SpanFamily>(families, search.kinds),
  };
}

/** Members of a URL for a set of states or kinds; nothing for an empty one. */
export function written(set: ReadonlySet<string>): string | undefined {
  return set.size === 0 ? undefined : [...set].join(",");
}

function chosen<T extends string>(known: readonly T[], text: string | undefined): ReadonlySet<T> {
  const words = new Set(text?.split(","));
  return new Set(known.filter((word) => words.has(word)));
}
