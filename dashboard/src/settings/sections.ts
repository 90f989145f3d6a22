import type { Account } from "../account/account";

export type SectionPath = "/settings" | "/settings/api-keys" | "/settings/team" | "/settings/usage" | "/settings/billing";

export interface SectionEntry {
  to: SectionPath;
  name: string;
  /** What the server must offer. */
  feature?: "api_keys" | "teams" | "billing";
  forAdmins?: boolean;
  local?: boolean;
}

export const SECTIONS: readonly SectionEntry[] = [
  { to: "/settings", name: "General", local: true },
  { to: "/settings/api-keys", name: "API keys", feature: "api_keys", forAdmins: true },
  { to: "/settings/team", name: "Team", feature: "teams" },
  { to: "/settings/usage", name: "Usage" },
  { to: "/settings/billing", name: "Billing", feature: "billing", forAdmins: true },
];

/** Why a section is not there for somebody; `null` when it is. */
export function absence({ feature, forAdmins = false, local = false }: SectionEntry, account: Account): "local" | "feature" | "role" | null {
  if (account.mode === "local") return local ? null : "local";
  if (feature !== undefined && !account.features.includes(feature)) return "feature";
  return forAdmins && !account.user.scopes.includes("admin") ? "role" : null;
}
