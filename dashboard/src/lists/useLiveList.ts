import { useInfiniteQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api, query } from "../api/client";
import { useLiveBatches } from "../api/live";
import type { LiveEvent } from "../api/types";
import { mergeFirstPage, without, withoutMovedUp } from "./merge";

/** What every list answers. */
export interface Page<Row> {
  rows: Row[];
  cursor: string | null;
  total: number | null;
}

/** The first page is read again at most this often while events come in. */
const REFRESH_MS = 700;

type Loaded<Row> = InfiniteData<Page<Row>, string>;

/**
 * A list that grows at its end by paging and at its top by what happens.
 *
 * While `held` (scrolled, or sorted otherwise), new rows wait behind `waiting` until `show` is called.
 */
export function useLiveList<Row>({
  path,
  params,
  read,
  keyOf,
  held,
  gone,
  reloads = () => false,
}: {
  path: string;
  params: Record<string, string | undefined>;
  read: (answer: never) => Row[];
  keyOf: (row: Row) => string;
  held: boolean;
  /** Whether an event removes a row. */
  gone: (event: LiveEvent, row: Row) => boolean;
  /** Whether an event may remove rows that it does not name. */
  reloads?: (event: LiveEvent) => boolean;
}) {
  const client = useQueryClient();
  const key = useMemo(() => [path, params], [path, JSON.stringify(params)]);
  const fetchPage = useCallback(
    async (cursor: string, signal?: AbortSignal): Promise<Page<Row>> => {
      const answer = await api.get<{ cursor: string | null; total: number | null }>(
        `${path}${query({ ...params, cursor })}`,
        signal === undefined ? undefined : { signal },
      );
      return { rows: read(answer as never), cursor: answer.cursor, total: answer.total };
    },
    [key],
  );
  const list = useInfiniteQuery({
    queryKey: key,
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    getNextPageParam: (page) => page.cursor,
    // Nobody heard of what happened to a list that was not shown.
    staleTime: 0,
    // Coming back from a long look at a row finds the list as it was.
    gcTime: 30 * 60_000,
  });

  const [waiting, setWaiting] = useState<Page<Row> | null>(null);
  const [added, setAdded] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    setWaiting(null);
    setAdded(new Set());
  }, [key]);

  const join = useCallback(
    (fresh: Page<Row>) => {
      client.setQueryData<Loaded<Row>>(key, (old) => {
        if (old === undefined) return old;
        const whole = fresh.cursor === null;
        const loaded = new Set(old.pages.flatMap((page) => page.rows.map(keyOf)));
        const isNew = (row: Row) => !loaded.has(keyOf(row));
        // Rows are missing between what was loaded and what is there now, and no paging would bring them.
        const isTorn = loaded.size > 0 && fresh.rows.every(isNew);
        const isShort = old.pages.at(-1)?.cursor === null && withoutMovedUp(fresh.rows, isNew).length < fresh.rows.length;
        if (!whole && fresh.rows.length > 0 && (isTorn || isShort)) {
          setAdded(new Set(fresh.rows.filter(isNew).map(keyOf)));
          return { pages: [fresh], pageParams: [""] };
        }
        const merged = mergeFirstPage(old.pages.map((page) => page.rows), fresh.rows, keyOf, whole);
        setAdded(new Set(merged.added));
        if (whole) return { pages: [{ ...fresh, rows: merged.pages[0] ?? [] }], pageParams: [""] };
        return {
          ...old,
          pages: old.pages.map((page, index) => ({ ...page, rows: merged.pages[index] ?? [], total: fresh.total ?? page.total })),
        };
      });
    },
    [client, key],
  );

  const isHeld = useRef(held);
  isHeld.current = held;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const refresh = useCallback(() => {
    timer.current ??= setTimeout(async () => {
      timer.current = undefined;
      const fresh = await fetchPage("").catch(() => null);
      if (fresh === null) return;
      const known = new Set(client.getQueryData<Loaded<Row>>(key)?.pages.flatMap((page) => page.rows.map(keyOf)));
      const isNew = (row: Row) => !known.has(keyOf(row));
      const isNews = withoutMovedUp(fresh.rows, isNew).some(isNew);
      // An empty list holds no place that new rows could push away.
      if (isHeld.current && isNews && known.size > 0) {
        setWaiting(fresh);
        join({ ...fresh, rows: fresh.rows.filter((row) => !isNew(row)) });
      } else {
        join(fresh);
      }
    }, REFRESH_MS);
  }, [client, fetchPage, join, key]);
  useEffect(() => () => {
    clearTimeout(timer.current);
    timer.current = undefined;
  }, [refresh]);

  useLiveBatches((events) => {
    const removing = events.filter((event) => event.type.endsWith("deleted") || event.type === "cleared");
    if (removing.length > 0) {
      client.setQueryData<Loaded<Row>>(key, (old) => {
        if (old === undefined) return old;
        const pages = without(old.pages.map((page) => page.rows), (row) =>
          removing.some((event) => event.type === "cleared" || gone(event, row)),
        );
        return { ...old, pages: old.pages.map((page, index) => ({ ...page, rows: pages[index] ?? [] })) };
      });
      setWaiting(null);
    }
    if (events.some((event) => event.type === "resync" || reloads(event))) void client.invalidateQueries({ queryKey: key });
    else refresh();
  });

  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.rows) ?? [], [list.data]);
  // The list starts anew from its first page, which is in the server's order whatever the sort.
  const show = () => {
    if (waiting === null) return;
    const known = new Set(rows.map(keyOf));
    setAdded(new Set(waiting.rows.map(keyOf).filter((each) => !known.has(each))));
    client.setQueryData<Loaded<Row>>(key, { pages: [waiting], pageParams: [""] });
    setWaiting(null);
  };
  const more = useCallback(() => {
    if (list.hasNextPage && !list.isFetchingNextPage && !list.isFetchNextPageError) void list.fetchNextPage();
  }, [list.hasNextPage, list.isFetchingNextPage, list.isFetchNextPageError, list.fetchNextPage]);
  return {
    /** What tells this list from others, and from itself with another search. */
    place: JSON.stringify(key),
    rows,
    total: list.data?.pages[0]?.total ?? null,
    isPending: list.isPending,
    isComplete: !list.hasNextPage,
    /** Why there is nothing to show. */
    error: list.data === undefined ? list.error : null,
    /** Why there are no further rows. */
    endError: list.isFetchNextPageError ? list.error : null,
    retryEnd: () => void list.fetchNextPage(),
    retry: () => void list.refetch(),
    more,
    waiting: waiting !== null,
    show,
    isNew: (row: Row) => added.has(keyOf(row)),
  };
}
