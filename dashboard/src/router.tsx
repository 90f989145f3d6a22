import { createRootRoute, createRoute, createRouter, Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Notice } from "./components/Notices";
import { AccountGate } from "./account/AccountGate";
import { lazyPage } from "./shell/lazyPage";
import { PageFailed } from "./shell/PageMissing";

const root = createRootRoute({
  component: AccountGate,
  notFoundComponent: () => (
    <div className="flex h-full">
      <Notice
        title="There is no such page"
        action={<Link to="/" search={{} as never} className="text-accent hover:underline">Go to the overview</Link>}
      >
        The address may be misspelt, or from a newer version.
      </Notice>
    </div>
  ),
});

/** Every page keeps its state in the URL as plain texts, so that a copied link shows a colleague the same. */
const validateSearch = (search: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(search)
      .filter(([, value]) => value !== undefined && value !== null && value !== "")
      .map(([name, value]) => [name, String(value)]),
  );

const page = <Path extends string>(path: Path, load: () => Promise<{ default: () => ReactNode }>) =>
  createRoute({ getParentRoute: () => root, path, validateSearch, component: lazyPage(load) });

const settings = page("/settings", () => import("./settings/SettingsPage"));

const section = <Path extends string>(path: Path, load: () => Promise<{ default: () => ReactNode }>) =>
  createRoute({ getParentRoute: () => settings, path, validateSearch, component: lazyPage(load) });

const routes = [
  page("/", () => import("./pages/OverviewPage")),
  page("/traces", () => import("./pages/TracesPage")),
  page("/traces/$id", () => import("./trace-detail/TraceDetailPage")),
  page("/spans", () => import("./pages/SpansPage")),
  page("/sessions", () => import("./pages/SessionsPage")),
  page("/sessions/$id", () => import("./pages/SessionDetailPage")),
  settings.addChildren([
    section("/", () => import("./settings/GeneralSection")),
    section("/api-keys", () => import("./settings/KeysSection")),
    section("/team", () => import("./settings/TeamSection")),
    section("/usage", () => import("./settings/UsageSection")),
    section("/billing", () => import("./settings/BillingSection")),
  ]),
  page("/login", () => import("./doors/LoginPage")),
  page("/signup", () => import("./doors/SignupPage")),
  page("/forgot-password", () => import("./doors/ForgotPasswordPage")),
  page("/reset-password", () => import("./doors/ResetPasswordPage")),
  page("/accept-invite", () => import("./doors/AcceptInvitePage")),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: "intent",
  defaultErrorComponent: PageFailed,
  // Plain texts in the query string, rather than JSON in it.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
    const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return text === "" ? "" : `?${text}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
