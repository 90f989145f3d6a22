import { useQuery } from "@tanstack/react-query";
import { Navigate, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Failed } from "../components/Notices";
import { Shell } from "../shell/Shell";
import { AccountContext, accountQuery, isVisitor, loginPath, whenChangedElsewhere, type Account, type Visitor } from "./account";
import { isDoor } from "../doors/paths";

/** Shows pages to those the server knows, and the way in to everybody else. */
export function AccountGate() {
  const account = useQuery({
    ...accountQuery,
    refetchInterval: (query) => (query.state.data === undefined && query.state.error !== null ? 3_000 : false),
  });
  const place = useRouterState({ select: ({ location }) => location });
  // While one goes from page to page, the old one is still on screen.
  const shown = useRouterState({ select: ({ matches }) => matches.at(-1)?.pathname ?? "/" });
  const wasIn = useRef(false);
  useReloadOnChange(account.data);

  if (account.data === undefined) {
    if (!account.isError) return null;
    return (
      <main className="flex h-full">
        <Failed error={account.error} onRetry={() => void account.refetch()} />
      </main>
    );
  }
  const atDoor = isDoor(shown);
  const isOut = isVisitor(account.data);
  if (!isOut) wasIn.current = true;
  const isOnTheWay = atDoor !== isDoor(place.pathname);
  // Going once is enough: to go again would begin anew what is on its way.
  if (atDoor && account.data.mode === "local") return isOnTheWay ? null : <Navigate to="/" replace />;
  if (!atDoor && isOut) {
    if (isOnTheWay) return null;
    const here = { pathname: place.pathname, search: place.searchStr };
    const next = `${here.pathname}${here.search}`;
    return wasIn.current ? <Reload at={loginPath(here)} /> : <Navigate to="/login" search={(next === "/" ? {} : { next }) as never} replace />;
  }
  return <AccountContext value={account.data}>{atDoor ? <Outlet /> : <Shell />}</AccountContext>;
}

/** Goes on by loading the page anew, so that nothing of an ended session stays in memory. */
function Reload({ at }: { at: string }) {
  useEffect(() => location.replace(at), [at]);
  return null;
}

/** Another tab, or an admin, may take this one elsewhere: what it shows would be of two projects. */
function useReloadOnChange(account: Account | Visitor | undefined) {
  const place = account === undefined || account.mode === "local" || isVisitor(account) ? null : placeOf(account.user);
  const first = useRef(place);
  useEffect(() => {
    if (place === null) return;
    if (first.current !== null && first.current !== place) location.reload();
    first.current = place;
  }, [place]);
  useEffect(() => whenChangedElsewhere(() => location.reload()), []);
}

const placeOf = (user: { user_id: string; org_id: string; project_id: string }) => `${user.user_id} ${user.org_id} ${user.project_id}`;
