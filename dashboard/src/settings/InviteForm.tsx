import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { CloudAccount } from "../account/account";
import { api } from "../api/client";
import type { CreatedInvite } from "../api/types";
import { Alert } from "../components/Alert";
import { Button } from "../components/Button";
import { SelectField, TextField } from "../components/Field";
import { useSubmit } from "../components/submit";
import { PlanLimit, Section } from "./Parts";
import { planName } from "./plans";
import { orgQuery, usageQuery } from "./queries";
import { rolesToGive } from "./roles";

/** Invites somebody by mail, as long as the plan has room. */
export function InviteForm({ account, onInvited }: { account: CloudAccount; onInvited: () => void }) {
  const org = useQuery(orgQuery);
  const usage = useQuery(usageQuery);
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("member");
  const [done, setDone] = useState<CreatedInvite | null>(null);
  const form = useSubmit(async () => {
    setDone(null);
    setDone(await api.post<CreatedInvite>("/api/org/invites", { email, role }));
    setEmail("");
    onInvited();
  });
  const { used, limit } = usage.data?.members ?? { used: 0, limit: null };
  const isFull = limit !== null && used >= limit;
  const besides = form.besides("email", "role");
  return (
    <Section title="Invite" about="They get a mail with a link, which works for seven days.">
      {isFull && org.data !== undefined && (
        <PlanLimit>
          {limit === 1
            ? `The ${planName(org.data.plan)} plan is for one person. Upgrade to invite others.`
            : `The ${planName(org.data.plan)} plan is for ${limit} people, and members and open invites are that many. Remove one to invite another, or upgrade.`}
        </PlanLimit>
      )}
      <form onSubmit={form.submit} className="flex items-start gap-3 max-sm:flex-col max-sm:items-stretch">
        <div className="flex-1">
          <TextField
            label="E-mail"
            type="email"
            required
            autoComplete="off"
            value={email}
            onChange={(event) => setEmail(event.target.value)}
            disabled={isFull}
            placeholder="ann@example.com"
            error={form.of("email")}
          />
        </div>
        <div className="sm:w-36">
          <SelectField label="Role" value={role} onChange={(event) => setRole(event.target.value)} disabled={isFull} error={form.of("role")}>
            {rolesToGive(account.user.role).map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </SelectField>
        </div>
        <Button type="submit" look="primary" disabled={form.busy || isFull || email.trim() === ""} className="h-8 justify-center sm:mt-[22px]">
          Invite
        </Button>
      </form>
      {besides !== null && <Alert look="fail" role="alert" className="mt-3">{besides}</Alert>}
      {done !== null && (
        <Alert look={done.email_sent ? "ok" : "run"} role="status" className="mt-3">
          {done.email_sent ? `The invite for ${done.email} is on its way.` : `${done.email} is invited, but no mail could be sent: this server has no way to send mail. Revoke the invite, and try again when it has.`}
        </Alert>
      )}
    </Section>
  );
}
