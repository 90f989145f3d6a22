import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { Group, Panel, Separator, useDefaultLayout } from "react-resizable-panels";
import { api } from "../api/client";
import { traceQuery, useTrace } from "../api/trace";
import type { TraceDetail } from "../api/types";
import { Button } from "../components/Button";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { isCovered, isTyping } from "../lib/keys";
import { useMediaQuery } from "../lib/media";
import { Empty } from "./Empty";
import type { FilterSearch } from "./model/filter-search";
import { stateOf } from "./model/span";
import { timingBreakdown } from "./model/timing";
import { totalsOf } from "./model/totals";
import { buildTree } from "./model/tree";
import { traceWindow } from "./model/waterfall";
import { neighboursQuery, type ListSearch } from "./neighbours";
import { originOf, OriginLink } from "./Origin";
import { useLiveTrace } from "./useLiveTrace";
import { Reader } from "./Reader";
import { SpanPanel, type SpanTab } from "./SpanPanel";
import { SpanTreePanel } from "./SpanTreePanel";
import { TimingBar } from "./TimingBar";
import { TraceHeader } from "./TraceHeader";
import { useNow } from "./use-now";
import "./trace-detail.css";

type View = "tree" | "waterfall" | "reader";

/** What this page keeps in the URL besides the filters of the list. */
interface PageSearch extends FilterSearch {
  span?: string;
  view?: View;
  tab?: SpanTab;
}

/** The page of one trace: its spans on the left, the chosen span on the right. */
export default function TraceDetailPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const search = useSearch({ strict: false }) as PageSearch & ListSearch;
  const query = useTrace(id);
  const [deleted, setDeleted] = useState(false);
  useEffect(() => setDeleted(false), [id]);
  useLiveTrace(id, () => setDeleted(true));
  const list = listOf(search);

  if (deleted) {
    return <Notice title="This trace was deleted" list={list} text="It was removed while you were looking at it." />;
  }
  if (query.isPending) return <PageSkeleton />;
  if (query.isError) {
    const missing = "status" in query.error && query.error.status === 404;
    return missing ? (
      <Notice title="This trace does not exist" list={list} text={`No trace has the id ${id}. It may have been deleted.`} />
    ) : (
      <Empty
        full
        title="The trace cannot be loaded"
        action={<Button onClick={() => void query.refetch()}>Try again</Button>}
      >
        {query.error.message}
      </Empty>
    );
  }
  return <TraceView key={id} detail={query.data} search={search} list={list} />;
}

function Notice({ title, text, list }: { title: string; text: string; list: ListSearch }) {
  const origin = originOf(list);
  return (
    <Empty
      full
      title={title}
      action={
        <OriginLink origin={origin} className="text-[13px] text-accent hover:underline">
          {origin.session === null ? "Back to traces" : "Back to the session"}
        </OriginLink>
      }
    >
      {text}
    </Empty>
  );
}

interface ViewProps {
  detail: TraceDetail;
  search: PageSearch & ListSearch;
  list: ListSearch;
}

function TraceView({ detail, search, list }: ViewProps) {
  const { trace, spans } = detail;
  const navigate = useNavigate();
  const client = useQueryClient();
  const narrow = useMediaQuery("(max-width: 767px)");
  const running = useMemo(() => spans.some((span) => stateOf(span) === "running"), [spans]);
  const now = useNow(running);
  const tree = useMemo(() => buildTree(spans), [spans]);
  const whole = useMemo(() => traceWindow(spans, now), [spans, now]);
  const totals = useMemo(() => totalsOf(spans, now), [spans, now]);
  const timing = useMemo(() => timingBreakdown(spans, now), [spans, now]);
  const neighbours = useQuery(neighboursQuery(trace, list)).data;
  const [deleting, setDeleting] = useState(false);
  const searchField = useRef<HTMLInputElement>(null);
  const layout = useDefaultLayout({ id: "trace-detail", storage: localStorage });

  const origin = originOf(list);
  const goBack = () =>
    navigate({ to: origin.to, params: origin.params as never, search: origin.search as never });

  const view: View = search.view === "waterfall" || search.view === "reader" ? search.view : "tree";
  const tab = tabs.find((name) => name === search.tab) ?? "messages";
  const selected = search.span ?? (narrow ? null : (tree.roots[0]?.span.id ?? null));

  const change = useCallback(
    (changes: Partial<PageSearch>, push = false) =>
      void navigate({
        to: ".",
        search: ((before: Record<string, unknown>) => ({ ...before, ...changes })) as never,
        replace: !push,
      }),
    [navigate],
  );
  const select = useCallback(
    // On a narrow screen the span is a step of its own, which Back undoes.
    (span: string, opens: boolean) => (narrow && !opens ? undefined : change({ span }, narrow)),
    [change, narrow],
  );
  const openTrace = (next: string) =>
    void navigate({
      to: "/traces/$id",
      params: { id: next } as never,
      search: { ...list, ...(search.view ? { view: search.view } : {}) } as never,
    });

  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isTyping(event) || isCovered()) return;
    if (event.key === "/" && view !== "reader") {
      event.preventDefault();
      searchField.current?.focus();
    } else if (event.key === "[" && neighbours?.previous) openTrace(neighbours.previous);
    else if (event.key === "]" && neighbours?.next) openTrace(neighbours.next);
    else if (event.key === "Escape") {
      if (narrow && search.span) change({ span: undefined });
      else void goBack();
    }
  });
  useEffect(() => {
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const left = (
    <div className="@container flex h-full min-h-0 flex-col">
      <ViewToggle view={view} onView={(next) => change({ view: next === "tree" ? undefined : next })} />
      {view === "reader" ? (
        <Reader tree={tree} traceId={trace.id} selected={selected} now={now} onSelect={select} />
      ) : (
        <SpanTreePanel
          tree={tree}
          layout={view}
          selected={selected}
          whole={whole}
          now={now}
          onSelect={select}
          filter={search}
          onFilter={change}
          search={searchField}
        />
      )}
      <TimingBar timing={timing} running={running} />
    </div>
  );
  const right =
    selected === null ? (
      <Empty full title="No span chosen">Choose a span to see what it was asked and what it answered.</Empty>
    ) : (
      <SpanPanel
        spanId={selected}
        traceId={trace.id}
        tab={tab}
        onTab={(next) => change({ tab: next === "messages" ? undefined : next })}
        onSpan={(span) => select(span, true)}
        onBack={narrow ? () => change({ span: undefined }) : undefined}
        onDeleted={() => change({ span: undefined })}
      />
    );

  return (
    <div className="flex h-full min-h-0 flex-col">
      <title>{`${trace.name ?? trace.id} · Traceway`}</title>
      <TraceHeader
        trace={trace}
        totals={totals}
        origin={origin}
        neighbours={neighbours}
        now={now}
        brief={narrow && search.span !== undefined}
        onTrace={openTrace}
        onDelete={() => setDeleting(true)}
      />
      {spans.length === 0 ? (
        <Empty title="No spans yet">
          The trace was created, and nothing has been recorded in it so far. Spans appear here the moment they arrive.
        </Empty>
      ) : narrow ? (
        <div className="min-h-0 flex-1">{search.span ? right : left}</div>
      ) : (
        <Group
          className="min-h-0 flex-1"
          defaultLayout={layout.defaultLayout}
          onLayoutChanged={layout.onLayoutChanged}
        >
          <Panel id="spans" defaultSize="42%" minSize="280px" className="min-h-0">
            {left}
          </Panel>
          <Separator
            aria-label="Width of the list of spans"
            className="relative w-px bg-line after:absolute after:inset-y-0 after:-left-1 after:z-10 after:w-[9px] hover:bg-accent focus-visible:bg-accent focus-visible:outline-2 focus-visible:outline-offset-0 focus-visible:outline-accent data-[separator=active]:bg-accent"
          />
          <Panel id="span" minSize="320px" className="min-h-0">
            {right}
          </Panel>
        </Group>
      )}
      <ConfirmDialog
        open={deleting}
        onOpenChange={setDeleting}
        title="Delete this trace?"
        confirm="Delete trace"
        danger
        onConfirm={async () => {
          await api.delete(`/api/traces/${encodeURIComponent(trace.id)}`);
          client.removeQueries({ queryKey: traceQuery(trace.id).queryKey });
          await goBack();
        }}
      >
        “{trace.name ?? trace.id}” and its {spans.length.toLocaleString("en-US")}{" "}
        {spans.length === 1 ? "span" : "spans"} are removed for good.
      </ConfirmDialog>
    </div>
  );
}

const tabs: readonly SpanTab[] = ["messages", "json", "yaml", "raw", "attributes"];

const views: readonly [View, string][] = [
  ["tree", "Tree"],
  ["waterfall", "Waterfall"],
  ["reader", "Reader"],
];

function ViewToggle({ view, onView }: { view: View; onView: (view: View) => void }) {
  return (
    <div role="group" aria-label="View of the spans" className="flex h-9 shrink-0 items-stretch gap-4 border-b border-line px-3">
      {views.map(([name, label]) => (
        <button
          key={name}
          type="button"
          aria-pressed={view === name}
          onClick={() => onView(name)}
          className={`-mb-px border-b-2 text-[13px] ${
            view === name ? "border-accent font-medium text-text" : "border-transparent text-muted hover:text-text"
          }`}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

/** The part of the URL that goes back to the list. */
function listOf(search: PageSearch & ListSearch): ListSearch {
  const { span: _span, view: _view, tab: _tab, find: _find, states: _states, kinds: _kinds, ...list } = search;
  return list;
}

function PageSkeleton() {
  return (
    <div className="late flex h-full flex-col" role="group" aria-busy="true" aria-label="Loading trace">
      <div className="border-b border-line px-5 py-3">
        <div className="skeleton h-5 w-64" />
        <div className="skeleton mt-2 h-4 w-96 max-w-full" />
      </div>
      <div className="flex min-h-0 flex-1">
        <div className="w-full border-r border-line md:w-[42%]">
          <div className="h-9 border-b border-line" />
          <div className="h-9 border-b border-line" />
          {[0, 1, 2, 1, 2, 3, 1, 2].map((level, index) => (
            <div key={index} className="flex h-8 items-center pr-3" style={{ paddingLeft: 14 + level * 14 }}>
              <div className="skeleton h-3.5" style={{ width: `${58 - level * 8}%` }} />
              <div className="skeleton ml-auto h-3.5 w-14" />
            </div>
          ))}
        </div>
        <div className="hidden flex-1 md:block" />
      </div>
    </div>
  );
}

