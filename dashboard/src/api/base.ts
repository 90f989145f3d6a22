const base: unknown = import.meta.env.VITE_API_BASE;

/** Where the API is when it is not where the page came from, as set when the dashboard was built. */
export const API_BASE = typeof base === "string" ? base.replace(/\/+$/, "") : "";

/** Where programs reach the API. */
export function apiOrigin(): string {
  return API_BASE === "" ? location.origin : API_BASE;
}
