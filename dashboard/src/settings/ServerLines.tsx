import { useQuery } from "@tanstack/react-query";
import { useAccount } from "../account/account";
import { healthQuery } from "../api/health";
import { explain } from "../api/wording";
import { counted, formatElapsed } from "../lib/format";
import { useNow } from "../lib/now";
import { Line, Lines, RowsSkeleton, Section } from "./Parts";

/** How the server is. */
export function ServerLines() {
  const isLocal = useAccount().mode === "local";
  const health = useQuery(healthQuery);
  const now = useNow();
  if (health.data === undefined) {
    return (
      <Section title="Server">
        {health.isError ? <p role="alert" className="text-fail">{explain(health.error)}</p> : <RowsSkeleton />}
      </Section>
    );
  }
  const { status, version, uptime_secs, region, storage } = health.data;
  const isWell = status === "ok" && !health.isError;
  const sinceAnswer = Math.max(0, now - health.dataUpdatedAt);
  return (
    <Section title="Server">
      <Lines>
        <Line name="Status">
          <span className={`size-2 rounded-full ${isWell ? "bg-ok" : "bg-fail"}`} />
          {isWell ? "Well" : health.isError ? "Does not answer" : "Cannot write"}
        </Line>
        <Line name="Version">{version}</Line>
        <Line name="Uptime">{formatElapsed(uptime_secs * 1000 + (isWell ? sinceAnswer : 0))}</Line>
        <Line name="Region">{region ?? <span className="text-muted">Not set</span>}</Line>
        {isLocal && (
          <Line name="Stored">
            {counted(storage.trace_count ?? 0, "trace")}, {counted(storage.span_count ?? 0, "span")}
            <span className="text-muted">in {storage.backend}</span>
          </Line>
        )}
      </Lines>
    </Section>
  );
}
