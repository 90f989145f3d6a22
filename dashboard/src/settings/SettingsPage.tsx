import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useAccount } from "../account/account";
import { Notice } from "../components/Notices";
import { PageHead } from "../components/Parts";
import { absence, SECTIONS } from "./sections";

const ABSENT = {
  local: ["This is part of the cloud", "A local server has no users, keys or plans: whoever can reach its port may use it."],
  feature: ["This server does not offer it", "Whoever runs the server has not switched it on."],
  role: ["Your role does not show this", "Admins and owners of the organisation see it."],
} as const;

/** The frame of all settings: their list, and the chosen one. */
export default function SettingsPage() {
  const account = useAccount();
  const path = useRouterState({ select: ({ location }) => location.pathname.replace(/\/+$/, "") });
  const shown = SECTIONS.filter((section) => absence(section, account) === null);
  const here = SECTIONS.find(({ to }) => to === path);
  const reason = here === undefined ? null : absence(here, account);
  return (
    <div className="flex h-full min-w-0 flex-col">
      <title>{`${here?.name ?? "Settings"} · Settings · Traceway`}</title>
      <PageHead title="Settings" />
      <div className="flex min-h-0 flex-1 max-md:flex-col">
        {shown.length > 1 && (
          <nav aria-label="Settings" className="flex shrink-0 gap-0.5 overflow-x-auto border-line p-3 max-md:border-b max-md:py-1.5 md:w-48 md:flex-col md:border-r">
            {shown.map(({ to, name }) => (
              <Link
                key={to}
                to={to}
                search={{} as never}
                activeOptions={{ exact: true, includeSearch: false }}
                className="flex h-8 shrink-0 items-center rounded-md px-2.5 text-muted hover:bg-hover hover:text-text data-[status=active]:bg-hover data-[status=active]:text-text"
              >
                {name}
              </Link>
            ))}
          </nav>
        )}
        <div className="flex min-h-0 min-w-0 flex-1 flex-col overflow-y-auto">
          {reason === null ? (
            <div className="w-full max-w-[860px] px-4 py-6 md:px-8">
              <Outlet />
            </div>
          ) : (
            <Notice title={ABSENT[reason][0]}>{ABSENT[reason][1]}</Notice>
          )}
        </div>
      </div>
    </div>
  );
}
