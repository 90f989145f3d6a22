import { queryOptions, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { api } from "../api/client";
import { useLiveEvents } from "../api/live";
import type { Span, TraceDetail } from "../api/types";
import { readConversation } from "./conversation/conversation";
import type { Message } from "./conversation/message";
import { afterEvents, type LiveEvent } from "./model/live";
import { previousCalls } from "./model/previous-call";

/** A trace with its spans, without their payloads. */
export function traceQuery(id: string) {
  return queryOptions({
    queryKey: ["trace", id],
    queryFn: ({ signal }) =>
      api.get<TraceDetail>(`/api/traces/${encodeURIComponent(id)}?payload=none`, { signal }),
    staleTime: 30_000,
    structuralSharing: false,
  });
}

/** One span with its payload. Span ids are unique only within a trace, so both are needed. */
export function spanQuery(traceId: string, spanId: string) {
  return queryOptions({
    queryKey: ["span", traceId, spanId],
    queryFn: ({ signal }) =>
      api.get<Span>(
        `/api/spans/${encodeURIComponent(spanId)}?trace_id=${encodeURIComponent(traceId)}`,
        { signal },
      ),
    staleTime: 30_000,
    structuralSharing: false,
  });
}

export function useTrace(id: string) {
  return useQuery(traceQuery(id));
}

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

  useLiveEvents((event: LiveEvent) => {
    if (event.type === "resync") {
      void client.invalidateQueries({ queryKey: ["trace", id] });
      void client.invalidateQueries({ queryKey: ["span", id] });
      return;
    }
    const about = event.span?.trace_id ?? event.trace?.id ?? event.trace_id ?? id;
    if (about !== id) return;
    waiting.current.push(event);
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      const events = waiting.current.splice(0);
      const options = traceQuery(id);
      const before = client.getQueryData(options.queryKey);
      if (!before) return;
      const after = afterEvents(before, events);
      if (after === null) {
        deleted.current();
        return;
      }
      client.setQueryData(options.queryKey, after);
      for (const { span } of events) {
        if (span) void client.invalidateQueries({ queryKey: ["span", id, span.id] });
      }
    });
  });
}
