import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { api, query } from "../api/client";
import { useLiveBatches } from "../api/live";
import type { Session, SessionPage } from "../api/types";
import { asTerm } from "../search/language";
import type { ListSearch } from "./search";

const KEY = "sessions-by-id";
const REFRESH_MS = 1_000;

/** Sessions whose id holds the word of a search. The server looks for words only in what was said. */
export function useSessionsById({ q, since, until, status }: ListSearch): { sessions: readonly Session[]; isPending: boolean } {
  const client = useQueryClient();
  const asked = q === undefined ? null : asTerm(q, "session");
  const found = useQuery({
    queryKey: [KEY, asked, since, until, status],
    enabled: asked !== null,
    queryFn: ({ signal }) => api.get<SessionPage>(`/api/sessions${query({ q: asked, since, until, status })}`, { signal }),
    staleTime: 0,
  });
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLiveBatches(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void client.invalidateQueries({ queryKey: [KEY] });
    }, REFRESH_MS);
  });
  return { sessions: asked === null ? [] : (found.data?.sessions ?? []), isPending: asked !== null && found.isPending };
}
