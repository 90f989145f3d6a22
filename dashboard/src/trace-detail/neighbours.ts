import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Trace } from "../api/types";
import { sortOf } from "../search/language";

/** The part of the URL that belongs to the list one came from. */
export type ListSearch = Record<string, unknown>;

/** Parameters that the list and this page share with the API. */
const listParameters = ["q", "since", "until", "status", "tag", "session_id", "name_contains"];

/** The traces before and after one in the list it was opened from. */
export interface Neighbours {
  previous: string | null;
  next: string | null;
}

/** How far a list sorted by something else than time is searched. */
const searched = 500;

/** Finds the neighbours of a trace in its list. */
export function neighboursQuery(trace: Trace | undefined, search: ListSearch) {
  const filters = listFilters(search);
  const { by: sort, order } = sortOf({
    q: filters.q,
    sort_by: text(search.sort_by) ?? undefined,
    sort_order: search.sort_order === "asc" || search.sort_order === "desc" ? search.sort_order : undefined,
  });
  return queryOptions({
    queryKey: ["trace-neighbours", trace?.id, filters, sort, order],
    enabled: trace !== undefined,
    staleTime: 15_000,
    queryFn: async ({ signal }): Promise<Neighbours> => {
      if (!trace) return { previous: null, next: null };
      const list = async (more: Record<string, string>) => {
        const query = new URLSearchParams({ ...filters, ...more });
        const page = await api.get<{ traces: Trace[] }>(`/api/traces?${query}`, { signal });
        return page.traces.map((found) => found.id);
      };
      if (sort !== "started_at") {
        const ids = await list({ sort_by: sort, sort_order: order, limit: String(searched) });
        const place = ids.indexOf(trace.id);
        if (place < 0) return { previous: null, next: null };
        return { previous: ids[place - 1] ?? null, next: ids[place + 1] ?? null };
      }
      const [newer, older] = await Promise.all([
        list({ since: trace.started_at, sort_by: "started_at", sort_order: "asc", limit: "20" }),
        list({ until: trace.started_at, sort_by: "started_at", sort_order: "desc", limit: "20" }),
      ]);
      const after = following(newer, trace.id);
      const before = following(older, trace.id);
      return order === "asc" ? { previous: before, next: after } : { previous: after, next: before };
    },
  });
}

/** The id after `id`; the first one when `id` itself is filtered out of the list. */
export function following(ids: readonly string[], id: string): string | null {
  return ids[ids.indexOf(id) + 1] ?? null;
}

/** The filters of the list, without what only this page uses. */
export function listFilters(search: ListSearch): Record<string, string> {
  const filters: Record<string, string> = {};
  for (const name of listParameters) {
    const value = text(search[name]);
    // A list of all time says so, where its project usually shows less.
    if (value !== null && !(name === "since" && value === "all")) filters[name] = value;
  }
  return filters;
}

function text(value: unknown): string | null {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : null;
}
