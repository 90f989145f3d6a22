import type { Role } from "../account/account";

/** What a member can be, and what that means. */
export const ROLES: readonly { id: Role; name: string; about: string }[] = [
  { id: "viewer", name: "Viewer", about: "Sees traces, datasets and analytics." },
  { id: "member", name: "Member", about: "Also creates and deletes traces, manages datasets, evaluates and reviews." },
  { id: "admin", name: "Admin", about: "Also manages settings, team, API keys and billing." },
  { id: "owner", name: "Owner", about: "Also makes and removes owners. One always stays." },
];

/** The roles somebody may give. */
export function rolesToGive(own: string): readonly { id: Role; name: string }[] {
  return ROLES.filter(({ id }) => id !== "owner" || own === "owner");
}
