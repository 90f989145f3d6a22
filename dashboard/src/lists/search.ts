import { useNavigate, useSearch } from "@tanstack/react-router";

/** What lists keep in the URL. */
export interface ListSearch {
  q?: string;
  /** How far back: `1h`, `24h`, `7d`, `30d`, or a time. Nothing means everything. */
  since?: string;
  until?: string;
  sort_by?: string;
  sort_order?: "asc" | "desc";
  status?: string;
  tag?: string;
  /** The row shown beside the list. */
  peek?: string;
  span?: string;
  trace?: string;
}

/** The list's part of the URL, and a way to change it. Members set to `undefined` leave it. */
export function useListSearch(): [ListSearch, (change: Partial<ListSearch>, replace?: boolean) => void] {
  const search = useSearch({ strict: false }) as ListSearch;
  const navigate = useNavigate();
  const change = (members: Partial<ListSearch>, replace = false) => {
    const next = Object.entries({ ...search, ...members }).filter(([, value]) => value !== undefined && value !== "");
    void navigate({ to: ".", search: Object.fromEntries(next) as never, replace });
  };
  return [search, change];
}
