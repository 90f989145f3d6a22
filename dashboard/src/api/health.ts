import { queryOptions } from "@tanstack/react-query";
import { api } from "./client";
import type { Health } from "./types";

/** How the server is. One that does not answer is asked more often, so that the page goes on once it does. */
export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: ({ signal }) => api.get<Health>("/api/health", { signal }),
  refetchInterval: (query) => (query.state.error === null ? 30_000 : 3_000),
});
