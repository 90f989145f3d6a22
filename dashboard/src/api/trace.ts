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

/** Returns where a span is, or what is done to it. Span ids are unique only within a trace, so both are needed. */
export function spanPath(traceId: string, spanId: string, action?: "complete" | "fail") {
  const span = `/api/spans/${encodeURIComponent(spanId)}${action === undefined ? "" : `/${action}`}`;
  return `${span}?trace_id=${encodeURIComponent(traceId)}`;
}

/** One span with its payload. */
export function spanQuery(traceId: string, spanId: string) {
  return queryOptions({
    queryKey: ["span", traceId, spanId],
    queryFn: ({ signal }) => api.get<Span>(spanPath(traceId, spanId), { signal }),
    staleTime: 30_000,
    structuralSharing: false,
  });
}

export function useTrace(id: string) {
  return useQuery(traceQuery(id));
}
