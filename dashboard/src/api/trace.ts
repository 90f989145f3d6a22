import { queryOptions, useQuery } from "@tanstack/react-query";
import { api } from "./client";
import type { Span, TraceDetail } from "./types";

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
