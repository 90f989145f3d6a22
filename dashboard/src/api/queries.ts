import { QueryClient } from "@tanstack/react-query";

/** What was asked and answered in this tab. */
export const queries = new QueryClient({
  // A server on one's own machine answers without a network, too.
  defaultOptions: { queries: { retry: false, staleTime: 5_000, refetchOnWindowFocus: false, networkMode: "always" } },
});
