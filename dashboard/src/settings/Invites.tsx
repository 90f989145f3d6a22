import { useState } from "react";
import { api } from "../api/client";
import type { Invite, Member } from "../api/types";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { formatMoment } from "../lib/format";
import { useNow } from "../lib/now";
import { RowAction } from "./RowAction";
import { CELL, Section, Table } from "./Parts";

/** Invites nobody has used yet. */
export function Invites({ invites, members, onChanged }: { invites: readonly Invite[] | undefined; members: readonly Member[]; onChanged: () => void }) {
  const [doomed, setDoomed] = useState<Invite | null>(null);
  const now = useNow();
  if (invites === undefined || invites.length === 0) return null;
  const inviter = (id: string) => {
    const member = members.find((each) => each.id === id);
    return member === undefined ? "a removed member" : member.name === "" ? member.email : member.name;
  };
  return (
    <Section title="Open invites">
      <Table
        label="Open invites"
        heads={[{ title: "E-mail" }, { title: "Role" }, { title: "Invited by", className: "max-md:hidden" }, { title: "Expires", className: "text-right" }, { title: "Revoke", hidden: true }]}
      >
        {invites.map((invite) => (
          <tr key={invite.id}>
            <td className={`${CELL} w-full max-w-0 truncate`} title={invite.email}>{invite.email}</td>
            <td className={`${CELL} capitalize`}>{invite.role}</td>
            <td className={`${CELL} max-w-[160px] truncate text-muted max-md:hidden`}>{inviter(invite.invited_by)}</td>
            <td className={`${CELL} num text-right whitespace-nowrap text-muted`} title={formatMoment(invite.expires_at)}>{until(invite.expires_at, now)}</td>
            <td className={`${CELL} w-0 text-right`}>
              <RowAction word="Revoke" label={`Revoke the invite for ${invite.email}`} onClick={() => setDoomed(invite)} />
            </td>
          </tr>
        ))}
      </Table>
      <ConfirmDialog
        open={doomed !== null}
        onOpenChange={(open) => !open && setDoomed(null)}
        title="Revoke this invite?"
        confirm="Revoke invite"
        danger
        onConfirm={async () => {
          if (doomed !== null) await api.delete(`/api/org/invites/${doomed.id}`);
          onChanged();
        }}
      >
        The link sent to <span className="text-text">{doomed?.email}</span> stops working.
      </ConfirmDialog>
    </Section>
  );
}

/** How long until a moment: `in 6 d`, `in 3 h`. */
function until(time: string, now: number): string {
  const hours = (Date.parse(time) - now) / 3_600_000;
  if (hours <= 0) return "now";
  return hours >= 24 ? `in ${Math.floor(hours / 24)} d` : hours >= 1 ? `in ${Math.floor(hours)} h` : `in ${Math.ceil(hours * 60)} min`;
}
