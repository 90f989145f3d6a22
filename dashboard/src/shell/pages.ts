import { Activity, LayoutDashboard, ListTree, MessagesSquare, type LucideIcon } from "lucide-react";

/** The pages of the sidebar, with the key that follows `g`. */
export const PAGES: readonly { to: "/" | "/traces" | "/spans" | "/sessions"; name: string; key: string; Icon: LucideIcon }[] = [
  { to: "/", name: "Overview", key: "o", Icon: LayoutDashboard },
  { to: "/traces", name: "Traces", key: "t", Icon: ListTree },
  { to: "/spans", name: "Spans", key: "s", Icon: Activity },
  { to: "/sessions", name: "Sessions", key: "e", Icon: MessagesSquare },
];
