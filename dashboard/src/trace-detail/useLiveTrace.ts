import { useIsFetching, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { useLiveEvents } from "../api/live";
import { traceQuery } from "../api/trace";
import { afterEvents, type LiveEvent } from "./model/live";

/**
 * Keeps a shown trace up to date from the event stream; `refreshed` does so for its spans, and after a gap.
 *
 * Events are applied once a frame, since a busy trace sends hundreds a second.
 */
export function useLiveTrace(id: string, onDeleted: () => void) {
  const client = useQueryClient();
  const waiting = useRef<LiveEvent[]>([]);
  const frame = useRef(0);
  const deleted = useRef(onDeleted);
  useEffect(() => {
    deleted.current = onDeleted;
  });
  useEffect(() => {
    return () => {
      cancelAnimationFrame(frame.current);
      frame.current = 0;
      if (waiting.current.length === 0) return;
      // What was not applied yet has to be loaded when the trace is shown next.
      waiting.current = [];
      void client.invalidateQueries({ ...traceQuery(id), exact: true, refetchType: "none" });
    };
  }, [client, id]);

  const apply = useCallback(() => {
    const { queryKey } = traceQuery(id);
    // An answer that is on its way may be older than these, and would take their place.
    if (frame.current !== 0 || waiting.current.length === 0 || client.isFetching({ queryKey, exact: true }) > 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      const events = waiting.current.splice(0);
      const before = client.getQueryData(queryKey);
      if (!before) {
        // It was not there, or the server was away; now something is known of it.
        void client.invalidateQueries({ queryKey });
        return;
      }
      const after = afterEvents(before, events);
      if (after === null) {
        deleted.current();
        return;
      }
      client.setQueryData(queryKey, after);
    });
  }, [client, id]);
  const fetching = useIsFetching({ queryKey: traceQuery(id).queryKey, exact: true });
  useEffect(() => {
    if (fetching === 0) apply();
  }, [fetching, apply]);

  useLiveEvents((event: LiveEvent) => {
    if (event.type === "resync") {
      // The trace is loaded anew, and these are older.
      waiting.current = [];
      return;
    }
    const about = event.type === "cleared" ? id : (event.span?.trace_id ?? event.trace?.id ?? event.trace_id);
    if (about !== id) return;
    waiting.current.push(event);
    apply();
  });
}
