import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useAccount } from "../account/account";
import { healthQuery } from "../api/health";
import { useLiveState } from "../api/live";
import type { Health } from "../api/types";
import { Failed } from "../components/Notices";
import { isCovered, isTyping } from "../lib/keys";
import { patiently } from "../lib/patience";
import { Mark } from "../components/Mark";
import { forgetPlaces } from "../table/places";
import { DATA_PAGES, PAGES, SETTINGS, type Page } from "./pages";
import { ThemeSwitch } from "./ThemeSwitch";

const Palette = lazy(() => patiently(() => import("./Palette")));
const AccountMenu = lazy(() => patiently(() => import("./AccountMenu")));
const ProjectSwitcher = lazy(() => patiently(() => import("./ProjectSwitcher")));
const KeyList = lazy(() => patiently(() => import("./KeyList")));

/** The frame of every page: navigation, the palette, and keys that work everywhere. */
export function Shell() {
  const [palette, setPalette] = useState(false);
  const [keys, setKeys] = useState(false);
  const health = useQuery(healthQuery);
  // The stream is the first to notice that the server went, or came back.
  const live = useLiveState();
  const { refetch } = health;
  useEffect(() => void refetch(), [live, refetch]);
  useGlobalKeys({ onPalette: () => setPalette(true), onKeys: () => setKeys(true) });

  // A server that never answered has nothing to show; one that went away leaves the page readable.
  if (health.isError && health.data === undefined) {
    return (
      <main className="flex h-full">
        <Failed error={health.error} onRetry={() => void health.refetch()} />
      </main>
    );
  }
  return (
    <div className="flex h-full max-md:flex-col-reverse">
      <Sidebar health={health.data} isAway={health.isError} onPalette={() => setPalette(true)} onKeys={() => setKeys(true)} />
      <main tabIndex={-1} className="min-h-0 min-w-0 flex-1 outline-none">
        <Outlet />
      </main>
      <TopBar />
      <Suspense>
        {palette && <Palette onClose={() => setPalette(false)} onKeys={() => setKeys(true)} />}
        {keys && <KeyList onClose={() => setKeys(false)} />}
      </Suspense>
    </div>
  );
}

const LINK =
  "flex items-center gap-2.5 rounded-md text-muted hover:bg-hover hover:text-text data-[status=active]:bg-hover data-[status=active]:text-text";

function Sidebar({ health, isAway, onPalette, onKeys }: { health: Health | undefined; isAway: boolean; onPalette: () => void; onKeys: () => void }) {
  const isCloud = useAccount().mode === "cloud";
  return (
    <nav
      aria-label="Main"
      className="flex shrink-0 border-line bg-surface max-md:h-14 max-md:items-center max-md:justify-around max-md:border-t md:w-60 md:flex-col md:border-r md:p-3"
    >
      <Link to="/" search={{} as never} className="mb-3 flex h-8 items-center gap-2.5 px-2 text-[14px] font-semibold max-md:hidden">
        <Mark />
        Traceway
      </Link>
      {isCloud && (
        <div className="mb-3 h-11 max-md:hidden">
          <Suspense>
            <ProjectSwitcher />
          </Suspense>
        </div>
      )}
      <button
        type="button"
        onClick={onPalette}
        className="mb-3 flex h-7 items-center gap-2 rounded-md border border-line-strong bg-bg px-2 text-faint hover:text-muted max-md:hidden"
      >
        <Search size={13} />
        Search
        <kbd className="ml-auto font-sans text-[11px]">⌘K</kbd>
      </button>
      {DATA_PAGES.map((page) => (
        <PageLink key={page.to} page={page} />
      ))}
      <div className="mt-auto contents md:block">
        <PageLink page={SETTINGS} />
      </div>
      <button type="button" onClick={onPalette} className={`${LINK} h-12 max-md:flex-col max-md:justify-center max-md:gap-0.5 px-2 text-[11px] md:hidden`}>
        <Search size={15} strokeWidth={1.75} />
        Search
      </button>
      <div className="mt-2 flex flex-col gap-2 max-md:hidden">
        {isCloud && (
          <div className="h-11">
            <Suspense>
              <AccountMenu />
            </Suspense>
          </div>
        )}
        <div className="mx-1">
          <ThemeSwitch />
        </div>
        <div className="flex items-center gap-2 px-2 text-[11px] text-faint">
          <HealthDot health={health} isAway={isAway} />
          {health === undefined ? "…" : `v${health.version}${isCloud ? "" : ` · ${health.storage.backend}`}`}
          <button type="button" onClick={onKeys} aria-label="Keyboard keys" title="Keyboard keys (?)" className="ml-auto rounded border border-line px-1.5 hover:text-text">
            ?
          </button>
        </div>
      </div>
    </nav>
  );
}

function HealthDot({ health, isAway }: { health: Health | undefined; isAway: boolean }) {
  const [dot, words] = isAway
    ? ["bg-fail", "The server cannot be reached"]
    : health === undefined
      ? ["bg-line-strong", "The server is asked how it is"]
      : health.status === "ok"
        ? ["bg-ok", "The server is well"]
        : ["bg-fail", "The server cannot write"];
  return <span role="img" aria-label={words} title={words} className={`size-1.5 shrink-0 rounded-full ${dot}`} />;
}

function PageLink({ page: { to, name, key, Icon } }: { page: Page }) {
  return (
    <Link
      to={to}
      search={{} as never}
      onClick={forgetPlaces}
      activeOptions={{ exact: to === "/", includeSearch: false }}
      title={`${name} (g ${key})`}
      className={`${LINK} max-md:h-12 max-md:flex-col max-md:justify-center max-md:gap-0.5 max-md:px-2 max-md:text-[11px] md:h-8 md:px-2`}
    >
      <Icon size={15} strokeWidth={1.75} />
      {name}
    </Link>
  );
}

/** On narrow screens, where one is and who one is stands above the page. */
function TopBar() {
  if (useAccount().mode === "local") return null;
  return (
    <div className="flex h-12 shrink-0 items-center justify-between gap-2 border-b border-line bg-surface px-2 md:hidden">
      <Suspense>
        <ProjectSwitcher />
        <AccountMenu brief />
      </Suspense>
    </div>
  );
}

/** `⌘K` palette, `/` search, `?` keys, `g` and a letter for pages. */
function useGlobalKeys({ onPalette, onKeys }: { onPalette: () => void; onKeys: () => void }) {
  const navigate = useNavigate();
  const went = useRef(0);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        onPalette();
        return;
      }
      if (event.defaultPrevented || isTyping(event) || event.metaKey || event.ctrlKey || event.altKey || isCovered()) return;
      const page = performance.now() - went.current < 1000 ? PAGES.find(({ key }) => key === event.key) : undefined;
      went.current = 0;
      if (page !== undefined) {
        forgetPlaces();
        void navigate({ to: page.to, search: {} as never });
      } else if (event.key === "g") went.current = performance.now();
      else if (event.key === "?") onKeys();
      else if (event.key === "/") {
        const field = document.querySelector<HTMLInputElement>("[data-search]");
        if (field === null) return;
        event.preventDefault();
        field.focus();
        field.select();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  });
}
