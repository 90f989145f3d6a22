import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { api } from "../api/client";
import type { Summary, Trace } from "../api/types";
import { Count, TotalCost } from "../components/Figures";

/**
 * What the traces of a list add up to: all of them where the server says so or all are loaded, else those that are
 * loaded, which is said.
 */
export function Totals({ traces, total, complete, unfiltered }: { traces: readonly Trace[]; total: number | null; complete: boolean; unfiltered: boolean }) {
  // With a search, the server's sums are those of the spans that match rather than of their traces.
  const asks = unfiltered && !complete;
  const { data: summary, refetch } = useQuery({
    queryKey: ["summary"],
    queryFn: ({ signal }) => api.get<Summary>("/api/analytics/summary", { signal }),
    enabled: asks,
  });
  useEffect(() => {
    if (asks) void refetch();
  }, [asks, traces, refetch]);
  const all = total ?? (complete ? traces.length : null);
  const sum = (of: (trace: Trace) => number) => traces.reduce((sofar, trace) => sofar + of(trace), 0);
  const failed = traces.filter((trace) => trace.status === "failed").length;
  return (
    <footer role="group" aria-label="Totals" className="num flex h-8 shrink-0 items-center gap-4 overflow-hidden border-t border-line px-4 text-[12px] whitespace-nowrap text-muted max-md:gap-3">
      <span>
        <Count value={all ?? traces.length} exact />
        {all === null ? "+" : ""} {all === 1 ? "trace" : "traces"}
      </span>
      {asks ? (
        summary !== undefined && (
          <>
            <span><Count value={summary.total_tokens} /> tokens</span>
            <TotalCost value={summary.total_cost} />
          </>
        )
      ) : (
        <>
          {!complete && <span className="text-faint">first {traces.length.toLocaleString("en-US")}:</span>}
          <span className={complete ? "" : "max-sm:hidden"}>{failed} failed</span>
          <span><Count value={sum((trace) => trace.total_tokens)} /> tokens</span>
          <TotalCost value={sum((trace) => trace.total_cost)} />
        </>
      )}
    </footer>
  );
}
