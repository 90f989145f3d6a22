import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useAccount, useMay } from "../account/account";
import { api } from "../api/client";
import type { Member } from "../api/types";
import { explain } from "../api/wording";
import { Alert } from "../components/Alert";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { Failed } from "../components/Notices";
import { Initial } from "../shell/ProjectSwitcher";
import { InviteForm } from "./InviteForm";
import { Invites } from "./Invites";
import { CELL, RowsSkeleton, Section, Table } from "./Parts";
import { invitesQuery, membersQuery, usageQuery } from "./queries";
import { RowAction } from "./RowAction";
import { ROLES, rolesToGive } from "./roles";

/** Who belongs to the organisation, and who is invited. */
export default function TeamSection() {
  const client = useQueryClient();
  const account = useAccount();
  const isAdmin = useMay("admin");
  const members = useQuery(membersQuery);
  const invites = useQuery({ ...invitesQuery, enabled: isAdmin });
  const [leaving, setLeaving] = useState<Member | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  if (account.mode === "local") return null;
  const changed = () => {
    for (const { queryKey } of [membersQuery, invitesQuery, usageQuery]) void client.invalidateQueries({ queryKey });
  };
  const change = async (member: Member, role: string) => {
    setRefused(null);
    try {
      await api.patch<Member>(`/api/org/members/${member.id}`, { role });
    } catch (error) {
      setRefused(explain(error));
    }
    changed();
    if (member.id === account.user.user_id) void client.invalidateQueries({ queryKey: ["account"] });
  };

  return (
    <>
      {isAdmin && <InviteForm account={account} onInvited={changed} />}
      <Section title="Members">
        {refused !== null && <Alert look="fail" role="alert" className="mb-3">{refused}</Alert>}
        {members.isError ? (
          <Failed error={members.error} onRetry={() => void members.refetch()} />
        ) : members.isPending ? (
          <RowsSkeleton />
        ) : (
          <Table label="Members" heads={[{ title: "Member" }, { title: "Role" }, ...(isAdmin ? [{ title: "Remove", hidden: true }] : [])]}>
            {members.data.map((member) => (
              <MemberRow
                key={member.id}
                member={member}
                isSelf={member.id === account.user.user_id}
                own={account.user.role}
                isAdmin={isAdmin}
                isLastOwner={member.role === "owner" && members.data.filter(({ role }) => role === "owner").length === 1}
                onRole={(role) => void change(member, role)}
                onRemove={() => setLeaving(member)}
              />
            ))}
          </Table>
        )}
      </Section>
      {isAdmin && <Invites invites={invites.data} members={members.data ?? []} onChanged={changed} />}
      <Section title="What roles may do">
        <dl className="grid grid-cols-[80px_1fr] gap-y-1.5">
          {ROLES.map(({ id, name, about }) => (
            <div key={id} className="contents">
              <dt>{name}</dt>
              <dd className="text-muted">{about}</dd>
            </div>
          ))}
        </dl>
      </Section>
      <ConfirmDialog
        open={leaving !== null}
        onOpenChange={(open) => !open && setLeaving(null)}
        title="Remove this member?"
        confirm="Remove"
        danger
        onConfirm={async () => {
          if (leaving !== null) await api.delete(`/api/org/members/${leaving.id}`);
          changed();
        }}
      >
        <span className="text-text">{leaving?.email}</span> is logged out at once and sees nothing of this organisation any more. What they did stays.
      </ConfirmDialog>
    </>
  );
}

function MemberRow({
  member,
  isSelf,
  own,
  isAdmin,
  isLastOwner,
  onRole,
  onRemove,
}: {
  member: Member;
  isSelf: boolean;
  own: string;
  isAdmin: boolean;
  isLastOwner: boolean;
  onRole: (role: string) => void;
  onRemove: () => void;
}) {
  // Owners are made, changed and removed by owners, and one stays.
  const mayChange = isAdmin && !isLastOwner && (member.role !== "owner" || own === "owner");
  return (
    <tr>
      <td className={`${CELL} h-12 w-full max-w-0`}>
        <span className="flex min-w-0 items-center gap-2.5">
          <Initial name={member.name === "" ? member.email : member.name} round />
          <span className="min-w-0">
            <span dir="auto" className="block truncate">
              {member.name === "" ? member.email : member.name}
              {isSelf && <span className="text-muted"> (you)</span>}
            </span>
            {member.name !== "" && <span className="block truncate text-[11px] text-muted">{member.email}</span>}
          </span>
        </span>
      </td>
      <td className={`${CELL} whitespace-nowrap`}>
        {mayChange ? (
          <select
            aria-label={`Role of ${member.email}`}
            value={member.role}
            onChange={(event) => onRole(event.target.value)}
            className="h-7 rounded-md border border-line-strong bg-bg px-1.5"
          >
            {rolesToGive(own).map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        ) : (
          <span className="capitalize" title={isLastOwner ? "The only owner stays one" : undefined}>{member.role}</span>
        )}
      </td>
      {isAdmin && (
        <td className={`${CELL} w-0 text-right`}>
          {mayChange && !isSelf && (
            <RowAction word="Remove" label={`Remove ${member.email}`} onClick={onRemove} />
          )}
        </td>
      )}
    </tr>
  );
}
