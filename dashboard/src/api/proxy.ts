import { queryOptions } from "@tanstack/react-query";
import { api, ApiError } from "./client";
import type { ProxyFacts } from "./types";

/** What holds where nobody set anything, which is what is shown of servers that do not tell. */
const USUAL: ProxyFacts = { port: 3001, target: null, capture_mode: "full" };

/** How the recording proxy of a local server is set. */
export const proxyQuery = queryOptions({
  queryKey: ["proxy"],
  queryFn: ({ signal }) => api.get<ProxyFacts>("/api/config/proxy", { signal }).catch(ifUntold),
});

function ifUntold(error: unknown): ProxyFacts {
  if (error instanceof ApiError && [404, 503].includes(error.status)) return USUAL;
  throw error;
}
