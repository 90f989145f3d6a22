import { QueryClient } from "@tanstack/react-query";

/** What was asked and answered in this tab. */
export const queries = new QueryClient({
  defaultOptions: { queries: { retry: false, staleTime: 5_000, refetchOnWindowFocus: false } },
});
