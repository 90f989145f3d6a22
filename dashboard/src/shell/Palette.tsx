import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Keyboard, ListTree, LogOut, Moon, Settings, Sun, TextSearch } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import { useAccount } from "../account/account";
import { api, query } from "../api/client";
import type { SpanPage, Trace, TraceDetail, TracePage } from "../api/types";
import { StatusDot, statusOf } from "../components/Parts";
import { setTheme } from "../lib/theme";
import { forgetPlaces } from "../table/places";
import { absence, SECTIONS } from "../settings/sections";
import { logOut } from "./AccountMenu";
import { PAGES } from "./pages";

const ITEM = "flex h-8 cursor-default items-center gap-2.5 rounded px-2";

const EVERY_SPAN = "all spans";

/** Pages, actions, traces by name or id, and spans by their text, from one field. */
export default function Palette({ onClose, onKeys }: { onClose: () => void; onKeys: () => void }) {
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const asked = useLater(text.trim(), 150);
  const traces = useQuery({
    queryKey: ["palette-traces", asked],
    queryFn: ({ signal }) => findTraces(asked, signal),
    staleTime: 5_000,
  });
  const spans = useQuery({
    queryKey: ["palette-spans", asked],
    enabled: asked.length >= 2,
    queryFn: ({ signal }) =>
      api.get<SpanPage>(`/api/spans${query({ q: `"${asked.replaceAll('"', '\\"')}"`, limit: 6, payload: "none" })}`, { signal }),
    staleTime: 5_000,
  });
  const go = (act: () => void) => () => {
    onClose();
    act();
  };
  const matches = (name: string) => name.toLowerCase().includes(text.trim().toLowerCase());
  const account = useAccount();
  const sections = SECTIONS.filter((section) => section.to !== "/settings" && absence(section, account) === null);
  const pages = [...PAGES, ...sections.map(({ to, name }) => ({ to, name: `Settings: ${name}`, Icon: Settings }))].filter(({ name }) => matches(name));
  const actions: readonly [string, ReactNode, () => void][] = [
    ["Dark theme", <Moon key="d" size={14} />, () => setTheme("dark")],
    ["Light theme", <Sun key="l" size={14} />, () => setTheme("light")],
    ["Keyboard keys", <Keyboard key="k" size={14} />, onKeys],
    ...(account.mode === "cloud" ? [["Log out", <LogOut key="o" size={14} />, () => void logOut()] satisfies [string, ReactNode, () => void]] : []),
  ];
  const offered = actions.filter(([name]) => matches(name));
  const values = [
    ...pages.map(({ to }) => to as string),
    ...(traces.data ?? []).map(({ id }) => `trace ${id}`),
    ...(spans.data?.spans ?? []).map(({ trace_id, id }) => `span ${trace_id} ${id}`),
    ...((spans.data?.spans.length ?? 0) > 0 ? [EVERY_SPAN] : []),
    ...offered.map(([name]) => name),
  ];
  // Answers come later than keys: the first of them is chosen unless one has moved to another.
  const [chosen, setChosen] = useState("");
  const value = values.includes(chosen) ? chosen : (values[0] ?? "");
  return (
    <Command.Dialog
      open
      value={value}
      onValueChange={setChosen}
      shouldFilter={false}
      onOpenChange={(open) => !open && onClose()}
      label="Search everything"
      overlayClassName="fade-in fixed inset-0 z-40 bg-black/50"
      contentClassName="fade-in fixed top-[14%] left-1/2 z-50 w-[min(620px,calc(100vw-32px))] -translate-x-1/2 overflow-hidden rounded-md border border-line-strong bg-raised shadow-float"
    >
      <Command.Input
        value={text}
        onValueChange={setText}
        placeholder="Go to a page, a trace, or any text in a prompt or answer"
        className="h-11 w-full border-b border-line bg-transparent px-4 text-[14px] outline-none placeholder:text-faint"
      />
      <Command.List className="max-h-[min(420px,60vh)] overflow-y-auto p-1.5 [&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-[11px] [&_[cmdk-group-heading]]:text-muted">
        <Command.Empty className="px-3 py-6 text-center text-muted">Nothing found.</Command.Empty>
        {pages.length > 0 && (
          <Command.Group heading="Pages">
            {pages.map(({ to, name, Icon }) => (
              <Command.Item key={to} value={to} onSelect={go(() => {
                  forgetPlaces();
                  void navigate({ to, search: {} as never });
                })} className={ITEM}>
                <Icon size={14} className="text-muted" />
                {name}
              </Command.Item>
            ))}
          </Command.Group>
        )}
        {(traces.data?.length ?? 0) > 0 && (
          <Command.Group heading="Traces">
            {traces.data?.map((trace) => (
              <Command.Item
                key={trace.id}
                value={`trace ${trace.id}`}
                onSelect={go(() => void navigate({ to: "/traces/$id", params: { id: trace.id }, search: {} as never }))}
                className={ITEM}
              >
                <ListTree size={14} className="shrink-0 text-muted" />
                <StatusDot status={trace.status} />
                <span dir="auto" className="truncate">{trace.name ?? trace.id}</span>
                <span className="ml-auto max-w-2/5 shrink-0 truncate font-mono text-[11px] text-faint" title={trace.id}>{trace.id}</span>
              </Command.Item>
            ))}
          </Command.Group>
        )}
        {(spans.data?.spans.length ?? 0) > 0 && (
          <Command.Group heading="Spans with this text">
            {spans.data?.spans.map((span) => (
              <Command.Item
                key={`${span.trace_id}/${span.id}`}
                value={`span ${span.trace_id} ${span.id}`}
                onSelect={go(() => void navigate({ to: "/traces/$id", params: { id: span.trace_id }, search: { span: span.id } as never }))}
                className={ITEM}
              >
                <TextSearch size={14} className="shrink-0 text-muted" />
                <StatusDot status={statusOf(span.status)} />
                <span dir="auto" className="truncate">{span.name}</span>
              </Command.Item>
            ))}
            <Command.Item value={EVERY_SPAN} onSelect={go(() => void navigate({ to: "/spans", search: { q: asked } as never }))} className={ITEM}>
              <TextSearch size={14} className="text-muted" />
              All spans with this text
            </Command.Item>
          </Command.Group>
        )}
        {offered.length > 0 && (
          <Command.Group heading="Actions">
            {offered.map(([name, icon, act]) => (
              <Command.Item key={name} value={name} onSelect={go(act)} className={ITEM}>
                <span className="text-muted">{icon}</span>
                {name}
              </Command.Item>
            ))}
          </Command.Group>
        )}
      </Command.List>
    </Command.Dialog>
  );
}

/** Returns a text once it has not changed for a while. */
function useLater(text: string, ms: number): string {
  const [later, setLater] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setLater(text), ms);
    return () => clearTimeout(timer);
  }, [text, ms]);
  return later;
}

/** Traces whose name holds the text, and the one it is the id of. */
async function findTraces(text: string, signal: AbortSignal): Promise<Trace[]> {
  const byName = api.get<TracePage>(`/api/traces${query({ name_contains: text, limit: 6 })}`, { signal });
  const looksLikeId = /^[A-Za-z0-9._:-]{8,128}$/.test(text);
  const byId = looksLikeId
    ? api.get<TraceDetail>(`/api/traces/${encodeURIComponent(text)}?payload=none`, { signal }).then((found) => [found.trace], () => [])
    : Promise.resolve([]);
  const [exact, named] = await Promise.all([byId, byName]);
  return [...exact, ...named.traces.filter((trace) => trace.id !== text)];
}
