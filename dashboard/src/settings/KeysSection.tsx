import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useAccount } from "../account/account";
import { api } from "../api/client";
import type { ApiKey } from "../api/types";
import { Button } from "../components/Button";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { Failed, Notice } from "../components/Notices";
import { Time } from "../components/Time";
import { formatMoment } from "../lib/format";
import { useNow } from "../lib/now";
import { CreateKey } from "./CreateKey";
import { RowAction } from "./RowAction";
import { CELL, PlanLimit, RowsSkeleton, Section, Table } from "./Parts";
import { planName, presetOf } from "./plans";
import { keysQuery, orgQuery } from "./queries";

/** The keys programs use, of every project of the organisation. */
export default function KeysSection() {
  const client = useQueryClient();
  const account = useAccount();
  const keys = useQuery(keysQuery);
  const org = useQuery(orgQuery);
  const [creating, setCreating] = useState(false);
  const [doomed, setDoomed] = useState<ApiKey | null>(null);
  if (account.mode === "local") return null;
  const limit = org.data?.plan_limits.max_api_keys ?? null;
  const isFull = limit !== null && keys.data !== undefined && keys.data.length >= limit;
  const changed = () => void client.invalidateQueries({ queryKey: keysQuery.queryKey });
  const nameOf = (id: string) => account.projects.find((project) => project.id === id)?.name ?? "";

  return (
    <Section
      title="API keys"
      about="Applications send traces and read them with a key. Each belongs to one project."
      action={
        <Button look="primary" disabled={isFull} onClick={() => setCreating(true)}>
          Create key
        </Button>
      }
    >
      {isFull && org.data !== undefined && (
        <PlanLimit>
          The {planName(org.data.plan)} plan has {limit === 1 ? "one API key" : `${limit} API keys`}, {limit === 1 ? "which is in use" : "all in use"}. Revoke one to create another, or upgrade.
        </PlanLimit>
      )}
      {keys.isError ? (
        <Failed error={keys.error} onRetry={() => void keys.refetch()} />
      ) : keys.isPending ? (
        <RowsSkeleton />
      ) : keys.data.length === 0 ? (
        <div className="flex rounded-md border border-line">
          <Notice title="No keys yet" action={<Button onClick={() => setCreating(true)}>Create key</Button>}>
            The first one lets an application send its traces to “{account.project.name}”.
          </Notice>
        </div>
      ) : (
        <Table
          label="API keys"
          heads={[
            { title: "Name" },
            { title: "Key", className: "max-sm:hidden" },
            { title: "Permissions", className: "max-sm:hidden" },
            { title: "Project", className: "max-lg:hidden" },
            { title: "Created", className: "text-right max-md:hidden" },
            { title: "Last used", className: "text-right max-sm:hidden" },
            { title: "Revoke", hidden: true },
          ]}
        >
          {keys.data.map((key) => (
            <tr key={key.id}>
              <td className={`${CELL} max-w-[200px] py-1.5 max-sm:w-full max-sm:max-w-0`}>
                <span dir="auto" className="block truncate" title={key.name}>{key.name}</span>
                <span className="block truncate text-[11px] text-muted sm:hidden">
                  <span className="font-mono">{key.key_prefix}…</span> · {presetOf(key.scopes)}
                </span>
                <Expiry at={key.expires_at} />
              </td>
              <td className={`${CELL} font-mono text-[12px] text-muted max-sm:hidden`}>{key.key_prefix}…</td>
              <td className={`${CELL} max-sm:hidden`}>{presetOf(key.scopes)}</td>
              <td className={`${CELL} max-w-[140px] truncate text-muted max-lg:hidden`}>{nameOf(key.project_id)}</td>
              <td className={`${CELL} text-right max-md:hidden`}><Time value={key.created_at} className="text-muted" /></td>
              <td className={`${CELL} text-right max-sm:hidden`}>
                {key.last_used_at === null ? <span className="text-muted">Never</span> : <Time value={key.last_used_at} className="text-muted" />}
              </td>
              <td className={`${CELL} w-0 text-right`}>
                <RowAction word="Revoke" label={`Revoke ${key.name}`} onClick={() => setDoomed(key)} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      <CreateKey open={creating} onOpenChange={setCreating} project={account.project.name} onCreated={changed} />
      <ConfirmDialog
        open={doomed !== null}
        onOpenChange={(open) => !open && setDoomed(null)}
        title="Revoke this key?"
        confirm="Revoke key"
        danger
        onConfirm={async () => {
          if (doomed !== null) await api.delete(`/api/org/api-keys/${doomed.id}`);
          changed();
        }}
      >
        <span className="text-text">{doomed?.name}</span> (<span className="font-mono text-[12px]">{doomed?.key_prefix}…</span>) stops working at once. Whatever uses it is refused from then on.
      </ConfirmDialog>
    </Section>
  );
}

function Expiry({ at }: { at: string | null }) {
  const now = useNow();
  if (at === null) return null;
  const isOver = Date.parse(at) <= now;
  return (
    <span className={`block text-[11px] ${isOver ? "text-fail" : "text-muted"}`} title={formatMoment(at)}>
      {isOver ? "Expired" : "Expires"} {new Date(at).toLocaleDateString("en-CA")}
    </span>
  );
}
