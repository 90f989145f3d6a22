import { useAccount } from "../account/account";
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
  /** The session whose traces are shown; the search says it afterwards. */
  session_id?: string;
}

/** Returns a search that finds only what is in a session. */
export function withSession(q: string | undefined, session: string): string {
  const term = `session:${/[\s"]/.test(session) ? `"${session.replaceAll('"', '\\"')}"` : session}`;
  return q === undefined ? term : `${term} ${q}`;
}

/** The range of a list that shows everything although the project's settings say otherwise. */
const EVERYTHING = "all";

/**
 * The list's part of the URL, and a way to change it. Members set to `undefined` leave it. Where the URL names no time
 * range, the one of the project's settings holds; links to pages that lead back to the list take the third.
 */
export function useListSearch(): [ListSearch, (change: Partial<ListSearch>, replace?: boolean) => void, ListSearch] {
  const url = useSearch({ strict: false }) as ListSearch;
  const usual = useUsualRange();
  const navigate = useNavigate();
  const change = (members: Partial<ListSearch>, replace = false) => {
    const next = { ...url, ...members };
    if ("since" in members && members.since === undefined && next.until === undefined && usual !== undefined) next.since = EVERYTHING;
    const given = Object.entries(next).filter(([, value]) => value !== undefined && value !== "");
    void navigate({ to: ".", search: Object.fromEntries(given) as never, replace });
  };
  return [inRange(url, usual), change, url];
}

/** Returns what is asked of the server: the range of the URL, or the usual one. */
export function inRange(url: ListSearch, usual: string | undefined): ListSearch {
  const { since, ...others } = url;
  const range = since ?? (url.until === undefined ? usual : undefined);
  return range === undefined || range === EVERYTHING ? others : { ...others, since: range };
}

function useUsualRange(): string | undefined {
  const account = useAccount();
  return account.mode === "local" ? undefined : (account.project.settings.default_time_range ?? undefined);
}
