import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Shell } from "./shell/Shell";

const root = createRootRoute({ component: Shell });

/** Every page keeps its state in the URL as plain text members. */
const validateSearch = (search: Record<string, unknown>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(search).map(([name, value]) => [name, String(value)]));

const route = <Path extends string>(path: Path, component: Parameters<typeof createRoute>[0]["component"]) =>
  createRoute({ getParentRoute: () => root, path, validateSearch, component });

export const router = createRouter({
  routeTree: root.addChildren([
    route("/traces/$id", lazyRouteComponent(() => import("./trace-detail/TraceDetailPage"))),
  ]),
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
