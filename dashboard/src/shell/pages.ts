import { Activity, LayoutDashboard, ListTree, MessagesSquare, Settings, type LucideIcon } from "lucide-react";

export interface Page {
  to: "/" | "/traces" | "/spans" | "/sessions" | "/settings";
  name: string;
  /** The key that follows `g`. */
  key: string;
  Icon: LucideIcon;
}

/** What one looks at. */
export const DATA_PAGES: readonly Page[] = [
  { to: "/", name: "Overview", key: "o", Icon: LayoutDashboard },
  { to: "/traces", name: "Traces", key: "t", Icon: ListTree },
  { to: "/spans", name: "Spans", key: "s", Icon: Activity },
  { to: "/sessions", name: "Sessions", key: "e", Icon: MessagesSquare },
];

export const SETTINGS: Page = { to: "/settings", name: "Settings", key: ",", Icon: Settings };

/** Every page of the sidebar. */
export const PAGES: readonly Page[] = [...DATA_PAGES, SETTINGS];
