import { queryOptions } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { api, ApiError, whenSessionEnds } from "../api/client";
import { refreshed } from "../api/fresh";
import { liveStream } from "../api/live";
import { queries } from "../api/queries";
import type { AuthConfig, LiveEvent, Me, Project } from "../api/types";

export type Role = "owner" | "admin" | "member" | "viewer";
export type Scope = "traces_read" | "traces_write" | "datasets_read" | "datasets_write" | "analytics_read" | "admin";

/** The one implicit user of a local server, who may do everything. */
export interface LocalAccount {
  mode: "local";
}

/** Somebody who has logged in, and where they are. */
export interface CloudAccount {
  mode: "cloud";
  features: readonly string[];
  user: Me & { user_id: string; email: string; name: string; role: Role };
  projects: readonly Project[];
  project: Project;
}

export type Account = LocalAccount | CloudAccount;

/** Somebody whom the server does not know yet. */
export interface Visitor {
  mode: "cloud";
  features: readonly string[];
  user: null;
}

export const isVisitor = (account: Account | Visitor): account is Visitor => account.mode === "cloud" && account.user === null;

/** Who is looking. Coming back to the tab asks anew: a session may have ended or gone elsewhere meanwhile. */
export const accountQuery = queryOptions({
  queryKey: ["account"],
  queryFn: loadAccount,
  staleTime: Infinity,
  structuralSharing: true,
  refetchOnWindowFocus: (query) => (query.state.data?.mode === "cloud" ? "always" : false),
});

async function loadAccount(): Promise<Account | Visitor> {
  const { mode, features } = await api.get<AuthConfig>("/api/auth/config");
  if (mode !== "cloud") {
    liveStream.keepOpen(refresh);
    return { mode: "local" };
  }
  const visitor: Visitor = { mode: "cloud", features, user: null };
  const user = await api.get<Me>("/api/auth/me").catch(ifUnknown);
  if (user === null || user.user_id === null) return visitor;
  whenSessionEnds(() => enter(loginPath(location)));
  liveStream.keepOpen(refresh, () => void queries.invalidateQueries({ queryKey: ["account"] }));
  const projects = await api.get<Project[]>("/api/projects");
  const project = projects.find(({ id }) => id === user.project_id);
  if (project === undefined) throw new ApiError(404, "the project of this session is gone", "not_found");
  return { mode: "cloud", features, user: user as CloudAccount["user"], projects, project };
}

const refresh = (events: readonly LiveEvent[]) => refreshed(queries, events);

function ifUnknown(error: unknown): null {
  if (error instanceof ApiError && error.status === 401) return null;
  throw error;
}

/** Returns the login page that leads back to a place. */
export function loginPath({ pathname, search }: { pathname: string; search: string }): string {
  const next = `${pathname}${search}`;
  return next === "/" ? "/login" : `/login?next=${encodeURIComponent(next)}`;
}

const others = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("traceway-account");

/**
 * Goes on as somebody else or somewhere else. The page is loaded anew, so that nothing of before stays in memory, and
 * other tabs, which share the session, do the same.
 */
export function enter(path: string): void {
  others?.postMessage("changed");
  location.assign(path);
}

/** Calls `act` when another tab logs in or out, or goes to another project. */
export function whenChangedElsewhere(act: () => void): () => void {
  others?.addEventListener("message", act);
  return () => others?.removeEventListener("message", act);
}

export const AccountContext = createContext<Account | Visitor>({ mode: "local" });

/** Who is looking at a page of the shell. */
export function useAccount(): Account {
  const account = useContext(AccountContext);
  if (isVisitor(account)) throw new Error("a page of the shell was shown to a visitor");
  return account;
}

/** Whether the one who is looking may do what needs a scope. */
export function useMay(scope: Scope): boolean {
  const account = useAccount();
  return account.mode === "local" || account.user.scopes.includes(scope);
}
