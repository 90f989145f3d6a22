import type { PlanLimits } from "../api/types";

export type PlanId = "free" | "pro" | "team" | "enterprise";

export interface Plan extends PlanLimits {
  id: PlanId;
  name: string;
  price: string;
  per: string;
}

/** What is for sale, the smallest first. */
export const PLANS: readonly Plan[] = [
  { id: "free", name: "Free", price: "$0", per: "for ever", spans_per_month: 10_000, max_team_members: 1, max_api_keys: 1, retention_days: 7 },
  { id: "pro", name: "Pro", price: "$20", per: "a user and month", spans_per_month: 1_000_000, max_team_members: 5, max_api_keys: 5, retention_days: 30 },
  { id: "team", name: "Team", price: "$100", per: "a user and month", spans_per_month: 10_000_000, max_team_members: 50, max_api_keys: null, retention_days: 90 },
  { id: "enterprise", name: "Enterprise", price: "On request", per: "", spans_per_month: null, max_team_members: null, max_api_keys: null, retention_days: 365 },
];

export function planOf(id: string): Plan | undefined {
  return PLANS.find((plan) => plan.id === id);
}

/** The name of a plan as people know it. */
export function planName(id: string): string {
  return planOf(id)?.name ?? id;
}

/** How full something is: `near` from 80 percent on, `full` at 100. */
export function fillOf(used: number, limit: number | null): "fine" | "near" | "full" {
  if (limit === null) return "fine";
  if (used >= limit) return "full";
  return used * 5 >= limit * 4 ? "near" : "fine";
}

/** The presets of an API key, and how a list of scopes is called. */
export const PRESETS: readonly { id: "read" | "write" | "admin"; name: string; about: string }[] = [
  { id: "read", name: "Read", about: "See traces, datasets and analytics." },
  { id: "write", name: "Write", about: "Read, and send traces. What an application needs." },
  { id: "admin", name: "Admin", about: "Everything, also settings. For automation you trust." },
];

const READ = ["analytics_read", "datasets_read", "traces_read"];
const WRITE = [...READ, "datasets_write", "traces_write"].sort();
const ADMIN = ["admin", ...WRITE].sort();

export function presetOf(scopes: readonly string[]): string {
  const given = [...scopes].sort().join(" ");
  if (given === READ.join(" ")) return "Read";
  if (given === WRITE.join(" ")) return "Write";
  if (given === ADMIN.join(" ")) return "Admin";
  return scopes.join(", ");
}
