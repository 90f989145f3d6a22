import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Notice } from "./components/Notices";
import { Shell } from "./shell/Shell";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <div className="flex h-full">
      <Notice title="There is no such page">The address may be misspelt, or from a newer version.</Notice>
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

const routes = [
  createRoute({ getParentRoute: () => root, path: "/", validateSearch, component: lazyRouteComponent(() => import("./pages/OverviewPage")) }),
  createRoute({ getParentRoute: () => root, path: "/traces", validateSearch, component: lazyRouteComponent(() => import("./pages/TracesPage")) }),
  createRoute({ getParentRoute: () => root, path: "/traces/$id", validateSearch, component: lazyRouteComponent(() => import("./trace-detail/TraceDetailPage")) }),
  createRoute({ getParentRoute: () => root, path: "/spans", validateSearch, component: lazyRouteComponent(() => import("./pages/SpansPage")) }),
  createRoute({ getParentRoute: () => root, path: "/sessions", validateSearch, component: lazyRouteComponent(() => import("./pages/SessionsPage")) }),
  createRoute({ getParentRoute: () => root, path: "/sessions/$id", validateSearch, component: lazyRouteComponent(() => import("./pages/SessionDetailPage")) }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: "intent",
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
