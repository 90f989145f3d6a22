import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { ListSearch } from "./neighbours";

/** Where a trace was opened from, which is where one goes back to. */
export interface Origin {
  to: string;
  params: Record<string, string>;
  search: ListSearch;
  /** The session's id, where it was a session. */
  session: string | null;
}

/** A session names itself in the URL of the traces it opens; everything else is the list. */
export function originOf(list: ListSearch): Origin {
  const session = list.session_id;
  return typeof session === "string" && session !== ""
    ? { to: "/sessions/$id", params: { id: session }, search: {}, session }
    : { to: "/traces", params: {}, search: list, session: null };
}

/** Leads back to where the trace was opened from. */
export function OriginLink({ origin, className, children }: { origin: Origin; className: string; children: ReactNode }) {
  return (
    <Link to={origin.to} params={origin.params as never} search={origin.search as never} className={className}>
      {children}
    </Link>
  );
}
