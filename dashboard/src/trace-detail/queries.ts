import { useIsFetching, useQueries, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { useLiveEvents } from "../api/live";
import { spanQuery, traceQuery } from "../api/trace";
import type { Span } from "../api/types";
import { readConversation } from "./conversation/conversation";
import type { Message } from "./conversation/message";
import { afterEvents, type LiveEvent } from "./model/live";
import { previousCalls } from "./model/previous-call";

const noMessages: readonly Message[] = [];

/**
 * What the LLM calls before this one showed; null while they are loading.
 *
 * A call that cannot be loaded counts as having shown nothing.
 */
export function useEarlierMessages(
  calls: readonly Span[],
  span: Span,
): readonly Message[] | null {
  const before = useMemo(() => previousCalls(calls, span), [calls, span]);
  const { loaded, pending } = useQueries({
    queries: before.map((call) => spanQuery(span.trace_id, call.id)),
    combine: (results) => ({
      loaded: results.flatMap((result) => result.data ?? []),
      pending: results.some((result) => result.isPending),
    }),
  });
  return useMemo(() => {
    if (pending) return null;
    const messages = loaded.flatMap(
      (call) => readConversation({ input: call.input, output: call.output })?.messages ?? [],
    );
    return messages.length > 0 ? messages : noMessages;
  }, [loaded, pending]);
}

/**
 * Keeps a trace and its loaded spans up to date from the event stream.
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
      waiting.current = [];
    };
  }, [id]);

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
      for (const { span } of events) {
        if (span) void client.invalidateQueries({ queryKey: ["span", id, span.id] });
      }
    });
  }, [client, id]);
  const fetching = useIsFetching({ queryKey: traceQuery(id).queryKey, exact: true });
  useEffect(() => {
    if (fetching === 0) apply();
  }, [fetching, apply]);

  useLiveEvents((event: LiveEvent) => {
    if (event.type === "resync") {
      void client.invalidateQueries({ queryKey: ["trace", id] });
      void client.invalidateQueries({ queryKey: ["span", id] });
      return;
    }
    const about = event.span?.trace_id ?? event.trace?.id ?? event.trace_id ?? id;
    if (about !== id) return;
    waiting.current.push(event);
    apply();
  });
}
