/** The pages one sees before one is in. */
const DOORS: readonly string[] = ["/login", "/signup", "/forgot-password", "/reset-password", "/accept-invite"];

export function isDoor(path: string): boolean {
  return DOORS.includes(path.replace(/\/+$/, ""));
}

/** Returns where to go after coming in: a page of this dashboard, never another site and never a door. */
export function nextOf(search: { next?: string }): string {
  const next = search.next ?? "/";
  try {
    const url = new URL(next, location.origin);
    const isOurs = next.startsWith("/") && url.origin === location.origin && !isDoor(url.pathname);
    return isOurs ? `${url.pathname}${url.search}${url.hash}` : "/";
  } catch {
    return "/";
  }
}
