import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";
import { useMay, type CloudAccount } from "../account/account";
import { apiOrigin } from "../api/base";
import { api } from "../api/client";
import { queries } from "../api/queries";
import type { CreatedKey } from "../api/types";
import { Alert } from "../components/Alert";
import { Button } from "../components/Button";
import { TextField } from "../components/Field";
import { Code, Listening, OnboardingFrame, Snippets } from "../components/Snippets";
import { useSubmit } from "../components/submit";
import { PlanLimit } from "../settings/Parts";
import { planName } from "../settings/plans";
import { keysQuery, orgQuery } from "../settings/queries";
import { WholeKey } from "../settings/WholeKey";
import { firstKeyOf, keepFirstKey } from "./first-key";
import { cloudSnippets, environment } from "./snippets";

/** The way to the first trace of a project: a key, where to put it, and what to send. */
export default function CloudOnboarding({ account }: { account: CloudAccount }) {
  const isAdmin = useMay("admin");
  const [key, setKey] = useState(() => firstKeyOf(account.project.id));
  const snippets = useMemo(() => cloudSnippets(apiOrigin(), key), [key]);
  return (
    <OnboardingFrame>
      <ol className="flex flex-col gap-7">
        <Step number={1} title={key === null ? "Create an API key" : "Your API key"}>
          {key !== null ? (
            <>
              <WholeKey value={key} />
              <p className="mt-2 text-muted">Keep it now: it is not shown again once you leave.</p>
            </>
          ) : isAdmin ? (
            <KeyForm
              account={account}
              onCreated={(created) => {
                keepFirstKey(account.project.id, created.key);
                setKey(created.key);
              }}
            />
          ) : (
            <p className="text-muted">Admins create keys under Settings. Ask one of them for a key of “{account.project.name}” that may write.</p>
          )}
        </Step>
        <Step number={2} title="Put it where your application reads it">
          <Code text={environment(apiOrigin(), key ?? "tw_sk_…")} label="Copy .env" />
        </Step>
        <Step number={3} title="Send a call">
          <Snippets snippets={snippets} />
        </Step>
      </ol>
      <Listening />
    </OnboardingFrame>
  );
}

function Step({ number, title, children }: { number: number; title: string; children: ReactNode }) {
  return (
    <li className="grid grid-cols-[24px_minmax(0,1fr)] gap-x-3">
      <span aria-hidden className="num flex size-6 items-center justify-center rounded-full border border-line-strong text-[11px] text-muted">
        {number}
      </span>
      <div className="min-w-0">
        <h3 className="mb-2 leading-6 font-medium">{title}</h3>
        {children}
      </div>
    </li>
  );
}

function KeyForm({ account, onCreated }: { account: CloudAccount; onCreated: (key: CreatedKey) => void }) {
  const keys = useQuery(keysQuery);
  const org = useQuery(orgQuery);
  const [name, setName] = useState("First key");
  const form = useSubmit(async () => {
    onCreated(await api.post<CreatedKey>("/api/org/api-keys", { name, scopes: ["write"] }));
    void queries.invalidateQueries({ queryKey: keysQuery.queryKey });
  });
  const own = keys.data?.filter((key) => key.project_id === account.project.id) ?? [];
  const limit = org.data?.plan_limits.max_api_keys ?? null;
  const isFull = limit !== null && keys.data !== undefined && keys.data.length >= limit;
  return (
    <>
      {own[0] !== undefined && (
        <p className="mb-2 text-muted">
          This project has {own.length === 1 ? "a key" : `${own.length} keys`} already: <span className="text-text">{own[0].name}</span>{" "}
          <code className="font-mono text-[12px]">{own[0].key_prefix}…</code>
          {own.length > 1 && " and others"}. Use {own.length === 1 ? "it" : "one of them"}{isFull ? "." : ", or create another."}
        </p>
      )}
      {isFull && org.data !== undefined ? (
        <PlanLimit>
          The {planName(org.data.plan)} plan has {limit === 1 ? "one API key" : `${limit} API keys`}, and {own.length === 0 ? "other projects use it up" : "no more"}. Revoke one under Settings, or upgrade.
        </PlanLimit>
      ) : (
        <form onSubmit={form.submit} className="flex items-end gap-2">
          <div className="min-w-0 flex-1">
            <TextField label="Name of the key" value={name} onChange={(event) => setName(event.target.value)} required maxLength={200} error={form.of("name")} />
          </div>
          <Button type="submit" look="primary" disabled={form.busy || name.trim() === ""} className="h-8">
            Create key
          </Button>
        </form>
      )}
      {form.besides("name") !== null && <Alert look="fail" role="alert" className="mt-2">{form.besides("name")}</Alert>}
    </>
  );
}
