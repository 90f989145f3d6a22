import { useQueries, useQuery } from "@tanstack/react-query";
import { useAccount } from "../account/account";
import { api } from "../api/client";
import type { Metered, Summary } from "../api/types";
import { Count } from "../components/Figures";
import { Failed } from "../components/Notices";
import { formatBytes } from "../lib/format";
import { Line, Lines, PlanLimit, RowsSkeleton, Section, Table, CELL } from "./Parts";
import { fillOf, planName } from "./plans";
import { orgQuery, usageQuery } from "./queries";

const SPANS_OF = [
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
] as const;

/** What has been used of what the plan allows. */
export default function UsageSection() {
  const account = useAccount();
  const usage = useQuery(usageQuery);
  const org = useQuery(orgQuery);
  const recent = useQueries({
    queries: SPANS_OF.map(([since]) => ({
      queryKey: ["summary", since],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.get<Summary>(`/api/analytics/summary?since=${since}`, { signal }),
    })),
  });
  if (account.mode === "local") return null;
  if (usage.isError) return <Failed error={usage.error} onRetry={() => void usage.refetch()} />;
  if (usage.isPending || org.data === undefined) {
    return (
      <Section title="This month">
        <RowsSkeleton rows={5} />
      </Section>
    );
  }
  const { spans, members, api_keys, traces, eval_runs, storage_bytes, period_start } = usage.data;
  const begun = new Date(period_start);
  const next = new Date(Date.UTC(begun.getUTCFullYear(), begun.getUTCMonth() + 1, 1));
  const fill = fillOf(spans.used, spans.limit);
  return (
    <>
      <Section title="This month" about={`On the ${planName(org.data.plan)} plan, since ${day(begun)}. Counting starts anew on ${day(next)}.`}>
        {fill === "near" && spans.limit !== null && <PlanLimit>{Math.floor((spans.used / spans.limit) * 100)} % of the month's spans are used.</PlanLimit>}
        {fill === "full" && (
          <PlanLimit>
            The month's spans are used up. New ones are refused until {day(next)} or an upgrade; the proxy goes on forwarding calls, without recording them.
          </PlanLimit>
        )}
        <div className="flex flex-col gap-5 rounded-md border border-line p-4">
          <Meter name="Spans" fill={fill} {...spans} />
          <Meter name="Members and open invites" {...members} />
          <Meter name="API keys" {...api_keys} />
        </div>
      </Section>
      <Section title="Also counted" about="Of the whole organisation; these have no limit.">
        <Lines>
          <Line name="Traces this month"><Count value={traces.used} exact /></Line>
          <Line name="Evaluation runs this month"><Count value={eval_runs.used} exact /></Line>
          <Line name="Stored prompts, answers and files">{formatBytes(storage_bytes)}</Line>
        </Lines>
      </Section>
      <Section title={`Recently in “${account.project.name}”`}>
        <Table label="Recent usage" heads={[{ title: "Time" }, { title: "Traces", className: "text-right" }, { title: "Spans", className: "text-right" }, { title: "Tokens", className: "text-right" }]}>
          {SPANS_OF.map(([since, label], index) => {
            const summary = recent[index]?.data;
            return (
              <tr key={since}>
                <td className={`${CELL} whitespace-nowrap`}>{label}</td>
                {[summary?.total_traces, summary?.total_spans, summary?.total_tokens].map((value, column) => (
                  <td key={column} className={`${CELL} w-16 text-right sm:w-28`}>
                    {value === undefined ? <span className="text-faint">–</span> : <Count value={value} />}
                  </td>
                ))}
              </tr>
            );
          })}
        </Table>
      </Section>
    </>
  );
}

const COLOURS = { fine: "bg-accent", near: "bg-run", full: "bg-fail" };
const WORDS = {
  fine: null,
  near: <span className="text-[11px] text-run">Nearly used up</span>,
  full: <span className="text-[11px] text-fail">Used up</span>,
};

/** How much of a limit is used, as a bar and in figures. Seats that are all taken are no reason to warn. */
function Meter({ name, used, limit, fill = "fine" }: { name: string; fill?: ReturnType<typeof fillOf> } & Metered) {
  const share = limit === null ? 0 : Math.min(1, limit === 0 ? 1 : used / limit);
  return (
    <div>
      <div className="mb-1.5 flex items-baseline gap-3">
        <span>{name}</span>
        {WORDS[fill]}
        <span className="num ml-auto whitespace-nowrap">
          {used.toLocaleString("en-US")} <span className="text-muted">{limit === null ? "of unlimited" : `of ${limit.toLocaleString("en-US")}`}</span>
        </span>
      </div>
      {limit !== null && (
        <div role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={limit} aria-valuenow={Math.min(used, limit)} data-fill={fill} className="h-1.5 overflow-hidden rounded-full bg-line">
          <div className={`h-full rounded-full ${COLOURS[fill]}`} style={{ width: `${Math.max(share * 100, used > 0 ? 0.5 : 0)}%` }} />
        </div>
      )}
    </div>
  );
}

function day(date: Date): string {
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "long", timeZone: "UTC" });
}
