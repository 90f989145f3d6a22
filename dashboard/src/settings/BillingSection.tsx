import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Check } from "lucide-react";
import { useEffect, useState } from "react";
import { useAccount } from "../account/account";
import { api, ApiError } from "../api/client";
import type { Destination, Org } from "../api/types";
import { explain } from "../api/wording";
import { Alert } from "../components/Alert";
import { Button } from "../components/Button";
import { Failed } from "../components/Notices";
import { Line, Lines, RowsSkeleton, Section } from "./Parts";
import { planName, planOf, PLANS, type Plan } from "./plans";
import { orgQuery, usageQuery } from "./queries";

/** How often and how long the page asks whether a purchase has arrived. */
const ASK_EVERY_MS = 2_000;
const ASK_FOR_MS = 60_000;

/** The plan of the organisation, and the others one may go to. */
export default function BillingSection() {
  const account = useAccount();
  const org = useQuery(orgQuery);
  const arrival = useArrival(org.data);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  if (account.mode === "local") return null;
  const leave = async (path: string, body?: object) => {
    setBusy(true);
    setRefused(null);
    try {
      const { url } = await api.post<Destination>(path, body);
      location.assign(url);
    } catch (error) {
      setBusy(false);
      const isNobody = error instanceof ApiError && error.status === 404;
      setRefused(isNobody ? "This organisation has never bought a plan, so there is nothing to manage yet." : explain(error));
    }
  };

  if (org.isError) return <Failed error={org.error} onRetry={() => void org.refetch()} />;
  if (org.isPending) {
    return (
      <Section title="Current plan">
        <RowsSkeleton rows={4} />
      </Section>
    );
  }
  const { plan, plan_limits } = org.data;
  return (
    <>
      {arrival !== null && (
        <Alert look={arrival === "late" ? "run" : "ok"} role="status" className="mb-6">
          {arrival === "waiting" && "Thank you. The payment went through, and the new plan arrives in a moment…"}
          {arrival === "arrived" && `Thank you. You are on the ${planName(plan)} plan now.`}
          {arrival === "late" && "The payment went through, but the new plan has not arrived yet. It will; look at this page again in a few minutes."}
        </Alert>
      )}
      <Section
        title="Current plan"
        about="Payment method, invoices and cancelling are with our billing service."
        action={
          plan !== "free" && (
            <Button disabled={busy} onClick={() => void leave("/api/billing/portal")}>
              Manage billing
            </Button>
          )
        }
      >
        <Lines>
          <Line name="Plan"><span className="font-medium">{planName(plan)}</span></Line>
          <Line name="Spans a month">{amount(plan_limits.spans_per_month)}</Line>
          <Line name="Members">{amount(plan_limits.max_team_members)}</Line>
          <Line name="API keys">{amount(plan_limits.max_api_keys)}</Line>
          <Line name="Traces are kept for">{plan_limits.retention_days} days</Line>
        </Lines>
      </Section>
      <Section title="Plans">
        {refused !== null && <Alert look="fail" role="alert" className="mb-3">{refused}</Alert>}
        <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-4">
          {PLANS.map((each) => (
            <PlanCard
              key={each.id}
              plan={each}
              current={plan}
              busy={busy}
              onUpgrade={() => void leave("/api/billing/checkout", { plan: each.id })}
              onManage={() => void leave("/api/billing/portal")}
            />
          ))}
        </ul>
      </Section>
    </>
  );
}

function amount(limit: number | null): string {
  return limit === null ? "Unlimited" : limit.toLocaleString("en-US");
}

function PlanCard({ plan, current, busy, onUpgrade, onManage }: { plan: Plan; current: string; busy: boolean; onUpgrade: () => void; onManage: () => void }) {
  const isCurrent = plan.id === current;
  const rank = (id: string) => PLANS.findIndex((each) => each.id === id);
  const isLarger = rank(plan.id) > rank(current);
  // A second checkout would be a second subscription: who has one changes it in the portal.
  const hasSubscription = current !== "free" && planOf(current) !== undefined;
  return (
    <li aria-label={plan.name} aria-current={isCurrent ? "true" : undefined} className={`flex flex-col rounded-md border p-4 ${isCurrent ? "border-accent" : "border-line"}`}>
      <h3 className="flex items-center gap-2 font-medium">
        {plan.name}
        {isCurrent && <span className="text-[11px] font-normal text-accent">Current</span>}
      </h3>
      <p className="mt-2 h-11">
        <span className="num text-[20px] leading-6 font-medium">{plan.price}</span>
        {plan.per !== "" && <span className="block text-[11px] text-muted">{plan.per}</span>}
      </p>
      <ul className="mt-3 mb-4 flex flex-col gap-1.5">
        {[
          plan.spans_per_month === null ? "Unlimited spans" : `${short(plan.spans_per_month)} spans a month`,
          plan.max_team_members === 1 ? "1 member" : `${short(plan.max_team_members)} members`,
          plan.max_api_keys === 1 ? "1 API key" : `${short(plan.max_api_keys)} API keys`,
          plan.id === "enterprise" ? "Kept as agreed" : `Kept for ${plan.retention_days} days`,
        ].map((text) => (
          <li key={text} className="flex gap-1.5">
            <Check size={13} className="mt-[3px] shrink-0 text-ok" />
            {text}
          </li>
        ))}
      </ul>
      <div className="mt-auto">
        {isCurrent ? (
          <Button disabled className="w-full justify-center">Your plan</Button>
        ) : plan.id === "enterprise" ? (
          <p className="flex h-7 items-center justify-center text-muted">By arrangement</p>
        ) : isLarger && !hasSubscription ? (
          <Button look="primary" disabled={busy} onClick={onUpgrade} className="w-full justify-center" aria-label={`Upgrade to ${plan.name}`}>
            Upgrade
          </Button>
        ) : current === "enterprise" ? null : (
          <Button disabled={busy} onClick={onManage} className="w-full justify-center" aria-label={`Change to ${plan.name}`}>
            Change plan
          </Button>
        )}
      </div>
    </li>
  );
}

function short(limit: number | null): string {
  return limit !== null && limit >= 1e6 ? `${limit / 1e6} M` : amount(limit);
}

/** After a checkout, asks until the billing service has told the server of it. */
function useArrival(org: Org | undefined): "waiting" | "arrived" | "late" | null {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { checkout } = useSearch({ strict: false }) as { checkout?: string };
  const [state, setState] = useState<"waiting" | "arrived" | "late" | null>(checkout === "success" ? "waiting" : null);
  const isPaid = org !== undefined && org.plan !== "free";
  useEffect(() => {
    if (state !== "waiting") return;
    const ask = setInterval(() => void client.invalidateQueries({ queryKey: orgQuery.queryKey }), ASK_EVERY_MS);
    const stop = setTimeout(() => setState("late"), ASK_FOR_MS);
    return () => {
      clearInterval(ask);
      clearTimeout(stop);
    };
  }, [client, state]);
  useEffect(() => {
    if (state !== "waiting" || !isPaid) return;
    setState("arrived");
    void client.invalidateQueries({ queryKey: usageQuery.queryKey });
    void navigate({ to: "/settings/billing", search: {} as never, replace: true });
  }, [client, navigate, state, isPaid]);
  return state;
}
