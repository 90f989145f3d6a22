import { Link, useNavigate } from "@tanstack/react-router";
import { DropdownMenu } from "radix-ui";
import { Columns3, Download, MoreHorizontal, PanelRightClose, Trash2 } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { useMay } from "../account/account";
import { API_BASE } from "../api/base";
import { api, ApiError } from "../api/client";
import type { Trace, TracePage } from "../api/types";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { Cost, Count, Duration, Elapsed, None, TotalCost } from "../components/Figures";
import { IconButton } from "../components/IconButton";
import { MENU, MENU_ITEM } from "../components/menu";
import { Failed } from "../components/Notices";
import { ModelChips, StatusDot } from "../components/Parts";
import { Onboarding } from "../components/Snippets";
import { Time } from "../components/Time";
import { EndFailed, Misunderstood, NewRows, NoMatch } from "../lists/ListStates";
import { useListSearch, withSession, type ListSearch } from "../lists/search";
import { TimeRange } from "../lists/TimeRange";
import { Totals } from "../lists/Totals";
import { useLiveList } from "../lists/useLiveList";
import { useSelected } from "../lists/useSelected";
import { counted } from "../lib/format";
import { useNow } from "../lib/now";
import { patiently } from "../lib/patience";
import { sortOf } from "../search/language";
import { SearchBar } from "../search/SearchBar";
import { LiveIndicator } from "../shell/LiveIndicator";
import { DataTable, TableSkeleton, type Column, type Sort } from "../table/DataTable";
import { Asked, isNamedByModel, modelsBesideName, TraceName } from "./TraceName";

const SpanTree = lazy(() => patiently(() => import("./TracePeek")));

const HIDDEN = "traceway-trace-columns-hidden";
const readRows = (answer: TracePage) => answer.traces;
const keyOf = (trace: Trace) => trace.id;

/** All traces, the newest first, growing at the top while one looks. */
export default function TracesPage() {
  const [search, change, url] = useListSearch();
  // An address with a session in it shows the traces of that session, by the search that finds them.
  const { session_id: session, q } = url;
  useEffect(() => {
    if (session !== undefined) change({ session_id: undefined, q: withSession(q, session) }, true);
  }, [session]);
  const mayWrite = useMay("traces_write");
  const navigate = useNavigate();
  const [scrolled, setScrolled] = useState(false);
  const [doomed, setDoomed] = useState<Trace | null>(null);
  const [clearing, setClearing] = useState(false);
  const [hidden, setHidden] = useState<readonly string[]>(() => JSON.parse(localStorage.getItem(HIDDEN) ?? "[]") as string[]);
  const sort: Sort = sortOf(search);
  const list = useLiveList<Trace>({
    path: "/api/traces",
    params: { q: session === undefined ? q : withSession(q, session), since: search.since, until: search.until, sort_by: search.sort_by, sort_order: search.sort_order },
    read: readRows as (answer: never) => Trace[],
    keyOf,
    held: scrolled || sort.by !== "started_at" || sort.order !== "desc",
    gone: (event, trace) => event.type === "trace_deleted" && event.trace_id === trace.id,
  });
  const [selected, setSelected] = useSelected(list.place);

  const { peek: _peek, span: _span, trace: _trace, ...filters } = url;
  const open = (trace: Trace) => void navigate({ to: "/traces/$id", params: { id: trace.id }, search: filters as never });
  const longest = Math.max(1, ...list.rows.map((trace) => trace.duration_ms ?? 0));
  const columns = traceColumns(longest, setDoomed, filters, hidden).filter((column) => !hidden.includes(column.id) && (mayWrite || column.id !== "delete"));
  const invalid = list.error instanceof ApiError && list.error.status === 400 ? list.error.message : null;
  const unfiltered = search.q === undefined && search.since === undefined && search.until === undefined;
  const onEnd = useCallback(() => list.more(), [list.more]);
  const toggle = (id: string) => {
    const next = hidden.includes(id) ? hidden.filter((each) => each !== id) : [...hidden, id];
    setHidden(next);
    localStorage.setItem(HIDDEN, JSON.stringify(next));
  };

  return (
    <div className="flex h-full min-w-0 flex-col">
      <div className="flex h-12 shrink-0 items-center gap-2 border-b border-line px-4">
        <h1 className="sr-only">Traces</h1>
        <SearchBar
          value={search.q ?? ""}
          onRun={(q) => change({ q: q === "" ? undefined : q, peek: undefined })}
          error={invalid}
          placeholder="Search traces: text, model:gpt-4o, status:failed, cost:>0.01"
        />
        <TimeRange
          since={search.since}
          until={search.until}
          onChange={(since, until) => change({ since: since === "" ? undefined : since, until: until === "" ? undefined : until })}
        />
        <DropdownMenu.Root modal={false}>
          <DropdownMenu.Trigger asChild>
            <IconButton label="Columns" className="max-md:hidden">
              <Columns3 size={15} />
            </IconButton>
          </DropdownMenu.Trigger>
          <DropdownMenu.Portal>
            <DropdownMenu.Content align="end" sideOffset={4} className={MENU}>
              {traceColumns(1, setDoomed, filters)
                .filter((column) => column.id !== "name" && column.title !== "")
                .map((column) => (
                  <DropdownMenu.CheckboxItem
                    key={column.id}
                    checked={!hidden.includes(column.id)}
                    onSelect={(event) => {
                      event.preventDefault();
                      toggle(column.id);
                    }}
                    className={MENU_ITEM}
                  >
                    <span className="w-3">{hidden.includes(column.id) ? "" : "✓"}</span>
                    {column.title}
                  </DropdownMenu.CheckboxItem>
                ))}
            </DropdownMenu.Content>
          </DropdownMenu.Portal>
        </DropdownMenu.Root>
        <DropdownMenu.Root modal={false}>
          <DropdownMenu.Trigger asChild>
            <IconButton label="More">
              <MoreHorizontal size={15} />
            </IconButton>
          </DropdownMenu.Trigger>
          <DropdownMenu.Portal>
            <DropdownMenu.Content align="end" sideOffset={4} className={MENU}>
              <DropdownMenu.Item asChild className={MENU_ITEM}>
                <a href={`${API_BASE}/api/export/json`} download>
                  <Download size={13} className="text-muted" /> Export everything as JSON
                </a>
              </DropdownMenu.Item>
              {mayWrite && (
                <DropdownMenu.Item className={`${MENU_ITEM} text-fail`} onSelect={() => setClearing(true)}>
                  <Trash2 size={13} /> Clear all traces…
                </DropdownMenu.Item>
              )}
            </DropdownMenu.Content>
          </DropdownMenu.Portal>
        </DropdownMenu.Root>
        <LiveIndicator />
      </div>

      <div className="relative flex min-h-0 flex-1">
        <div className="relative flex min-w-0 flex-1 flex-col">
          {list.isPending ? (
            <TableSkeleton />
          ) : list.error !== null && invalid === null ? (
            <Failed error={list.error} onRetry={list.retry} />
          ) : list.rows.length === 0 ? (
            unfiltered ? <Onboarding /> : invalid === null ? <NoMatch search={search} onChange={change} what="traces" /> : <Misunderstood error={invalid} onChange={change} />
          ) : (
            <>
              {list.waiting && <NewRows what="traces" onShow={() => { list.show(); document.querySelector('[role="table"]')?.scrollTo({ top: 0 }); }} />}
              <DataTable
                key={list.place}
                place={list.place}
                label="Traces"
                columns={columns}
                rows={list.rows}
                keyOf={keyOf}
                narrow={(trace) => <NarrowRow trace={trace} />}
                sort={sort}
                onSort={({ by, order }) => change({ sort_by: by, sort_order: order })}
                selected={selected ?? search.peek ?? null}
                onSelect={(key) => {
                  setSelected(key);
                  if (search.peek !== undefined && key !== null) change({ peek: key }, true);
                }}
                onVisit={setSelected}
                onOpen={open}
                onClose={search.peek === undefined ? undefined : () => change({ peek: undefined }, true)}
                onPeek={(trace) => change({ peek: search.peek === trace.id ? undefined : trace.id }, true)}
                onEnd={onEnd}
                onScrolled={setScrolled}
                footer={<EndFailed error={list.endError} onRetry={list.retryEnd} />}
                isNew={list.isNew}
              />
              <Totals traces={list.rows} total={list.total} complete={list.isComplete} unfiltered={unfiltered} />
            </>
          )}
        </div>
        {search.peek !== undefined && (
          <aside className="fade-in flex w-[min(520px,60%)] shrink-0 flex-col border-l border-line bg-surface max-md:absolute max-md:inset-0 max-md:z-20 max-md:w-full max-md:border-l-0">
            <div className="flex h-10 shrink-0 items-center gap-2 border-b border-line px-3">
              <Link to="/traces/$id" params={{ id: search.peek }} search={filters as never} className="min-w-0 truncate text-accent hover:underline">
                Open trace
              </Link>
              <IconButton label="Close" className="ml-auto" onClick={() => change({ peek: undefined }, true)}>
                <PanelRightClose size={15} />
              </IconButton>
            </div>
            <Suspense>
              <SpanTree traceId={search.peek} />
            </Suspense>
          </aside>
        )}
      </div>

      <ConfirmDialog
        open={doomed !== null}
        onOpenChange={(isOpen) => !isOpen && setDoomed(null)}
        title="Delete this trace?"
        confirm="Delete"
        danger
        onConfirm={async () => {
          if (doomed !== null) await api.delete(`/api/traces/${encodeURIComponent(doomed.id)}`);
        }}
      >
        <span className="text-text">{doomed?.name ?? doomed?.id}</span> and {doomed?.span_count === 1 ? "its span" : `its ${doomed?.span_count} spans`} are removed. This cannot be
        undone.
      </ConfirmDialog>
      <ConfirmDialog
        open={clearing}
        onOpenChange={setClearing}
        title="Clear all traces?"
        confirm="Clear everything"
        danger
        typed="clear"
        onConfirm={async () => {
          await api.delete("/api/traces");
        }}
      >
        Every trace and span is removed, whatever the list shows now. This cannot be undone.
      </ConfirmDialog>
    </div>
  );
}

/** The least width of the table at which there is room for the models. */
const MODELS_FROM = 880;

function traceColumns(longest: number, onDelete: (trace: Trace) => void, filters: ListSearch, hidden: readonly string[] = []): Column<Trace>[] {
  const modelLook = hidden.includes("models") ? "" : "@min-[880px]:hidden";
  return [
    {
      id: "name",
      title: "Name",
      width: "minmax(200px, 1fr)",
      cell: (trace) => (
        <span className="flex min-w-0 items-center gap-2.5">
          <StatusDot status={trace.status} />
          <TraceName trace={trace} search={filters} modelLook={modelLook} />
          {trace.session_id !== null && <span className="ml-auto min-w-0 shrink-[9999] truncate text-faint max-lg:hidden" title={`Session ${trace.session_id}`}>{trace.session_id}</span>}
        </span>
      ),
    },
    { id: "models", title: "Models", width: "minmax(120px, 208px)", from: MODELS_FROM, cell: (trace) => <ModelChips models={modelsBesideName(trace)} /> },
    { id: "spans", title: "Spans", width: "56px", from: 740, right: true, sort: "span_count", cell: (trace) => <Count value={trace.span_count} /> },
    { id: "tokens", title: "Tokens", width: "72px", from: 668, right: true, sort: "tokens", cell: (trace) => (trace.total_tokens === 0 ? <None /> : <Count value={trace.total_tokens} />) },
    { id: "cost", title: "Cost", width: "80px", right: true, sort: "cost", cell: (trace) => <TotalCost value={trace.total_cost} /> },
    { id: "duration", title: "Duration", width: "112px", right: true, sort: "duration", cell: (trace) => <TraceDuration trace={trace} longest={longest} /> },
    { id: "time", title: "Time", width: "64px", right: true, sort: "started_at", cell: (trace) => <Time value={trace.started_at} className="text-muted" /> },
    {
      id: "delete",
      title: "",
      width: "24px",
      cell: (trace) => (
        <IconButton
          label={`Delete ${trace.name ?? trace.id}`}
          size={24}
          className="opacity-0 focus-visible:opacity-100 [[role=row]:hover_&]:opacity-100"
          onClick={(event) => {
            event.stopPropagation();
            onDelete(trace);
          }}
        >
          <Trash2 size={13} />
        </IconButton>
      ),
    },
  ];
}

/** How long a trace took, or has been taking until now. */
function useTaken(trace: Trace): { ms: number | null; running: boolean } {
  const now = useNow();
  const running = trace.status === "running" && trace.ended_at === null;
  return { ms: running ? Math.max(0, now - Date.parse(trace.started_at)) : trace.duration_ms, running };
}

/** The duration of a trace; that of a running one ticks. */
export function TraceTaken({ trace }: { trace: Trace }) {
  const { ms, running } = useTaken(trace);
  if (ms === null) return <None />;
  return <span className={running ? "text-run" : ""}>{running ? <Elapsed value={ms} /> : <Duration value={ms} />}</span>;
}

/** The duration as a number over a bar as thin as a hair. */
function TraceDuration({ trace, longest }: { trace: Trace; longest: number }) {
  const { ms } = useTaken(trace);
  if (ms === null) return <None />;
  return (
    <span className="relative block pb-0.5">
      <TraceTaken trace={trace} />
      <span className="absolute right-0 bottom-[-3px] h-px bg-accent/60" style={{ width: `${Math.min(100, (ms / longest) * 100)}%` }} />
    </span>
  );
}

/** A trace in two lines. */
export function NarrowRow({ trace }: { trace: Trace }) {
  return (
    <>
      <span className="flex min-w-0 items-center gap-2">
        <StatusDot status={trace.status} />
        <span dir="auto" className="min-w-0 truncate">{isNamedByModel(trace) ? trace.input_preview : (trace.name ?? trace.id)}</span>
        {!isNamedByModel(trace) && <Asked trace={trace} />}
        <Time value={trace.started_at} className="ml-auto shrink-0 text-muted" />
      </span>
      <span className="flex items-center gap-3 pl-4 text-[12px] whitespace-nowrap text-muted">
        <span>{counted(trace.span_count, "span")}</span>
        {trace.total_tokens > 0 && <span><Count value={trace.total_tokens} /> tok</span>}
        {trace.total_cost > 0 && <Cost value={trace.total_cost} />}
        {(trace.duration_ms !== null || trace.status === "running") && <TraceTaken trace={trace} />}
        {modelsBesideName(trace)[0] !== undefined && <span className="min-w-0 truncate" title={trace.models.join(", ")}>{trace.models[0]}</span>}
      </span>
    </>
  );
}
