import { useCallback, useState } from "react";
import { ApiError } from "../api/client";
import type { Span, SpanPage } from "../api/types";
import { Cost, Count, None, SpanDuration } from "../components/Figures";
import { kindLabel } from "../components/kind";
import { Failed } from "../components/Notices";
import { StatusDot, statusOf } from "../components/Parts";
import { Onboarding } from "../components/Snippets";
import { Time } from "../components/Time";
import { EndFailed, Misunderstood, NewRows, NoMatch } from "../lists/ListStates";
import { useListSearch } from "../lists/search";
import { TimeRange } from "../lists/TimeRange";
import { useLiveList } from "../lists/useLiveList";
import { useSelected } from "../lists/useSelected";
import { sortOf } from "../search/language";
import { SearchBar } from "../search/SearchBar";
import { LiveIndicator } from "../shell/LiveIndicator";
import { DataTable, TableSkeleton, type Column, type Sort } from "../table/DataTable";
import { kindWord } from "../trace-detail/model/span";
import { SpanBeside } from "./SpanBeside";

const readRows = (answer: SpanPage) => answer.spans;
const keyOf = (span: Span) => `${span.trace_id}/${span.id}`;

/** All spans of all traces. */
export default function SpansPage() {
  const [search, change] = useListSearch();
  const [scrolled, setScrolled] = useState(false);
  const sort: Sort = sortOf(search);
  const list = useLiveList<Span>({
    path: "/api/spans",
    params: { q: search.q, since: search.since, until: search.until, sort_by: search.sort_by, sort_order: search.sort_order, payload: "none" },
    read: readRows as (answer: never) => Span[],
    keyOf,
    held: scrolled || sort.by !== "started_at" || sort.order !== "desc",
    gone: (event, span) =>
      (event.type === "trace_deleted" && event.trace_id === span.trace_id) ||
      (event.type === "span_deleted" && event.span_id === span.id && event.trace_id === span.trace_id),
  });
  const [selected, setSelected] = useSelected(list.place);
  const invalid = list.error instanceof ApiError && list.error.status === 400 ? list.error.message : null;
  const unfiltered = search.q === undefined && search.since === undefined && search.until === undefined;
  const onEnd = useCallback(() => list.more(), [list.more]);
  const close = () => change({ span: undefined, trace: undefined }, true);

  return (
    <div className="flex h-full min-w-0 flex-col">
      <div className="flex h-12 shrink-0 items-center gap-2 border-b border-line px-4">
        <h1 className="sr-only">Spans</h1>
        <SearchBar
          value={search.q ?? ""}
          onRun={(q) => change({ q: q === "" ? undefined : q, span: undefined, trace: undefined })}
          error={invalid}
          placeholder="Search spans: text, kind:tool_call, duration:>2s, -status:completed"
        />
        <TimeRange
          since={search.since}
          until={search.until}
          onChange={(since, until) => change({ since: since === "" ? undefined : since, until: until === "" ? undefined : until })}
        />
        <LiveIndicator />
      </div>
      <div className="relative flex min-h-0 flex-1">
        <div className="relative flex min-w-0 flex-1 flex-col">
          {list.isPending ? (
            <TableSkeleton />
          ) : list.error !== null && invalid === null ? (
            <Failed error={list.error} onRetry={list.retry} />
          ) : list.rows.length === 0 ? (
            unfiltered ? <Onboarding /> : invalid === null ? <NoMatch search={search} onChange={change} what="spans" /> : <Misunderstood error={invalid} onChange={change} />
          ) : (
            <>
              {list.waiting && <NewRows what="spans" onShow={() => { list.show(); document.querySelector('[role="table"]')?.scrollTo({ top: 0 }); }} />}
              <DataTable
                key={list.place}
                place={list.place}
                label="Spans"
                columns={COLUMNS}
                rows={list.rows}
                keyOf={keyOf}
                narrow={(span) => <NarrowRow span={span} />}
                sort={sort}
                onSort={({ by, order }) => change({ sort_by: by, sort_order: order })}
                selected={selected ?? (search.span === undefined ? null : `${search.trace}/${search.span}`)}
                onSelect={(key) => {
                  setSelected(key);
                  const [trace, span] = key?.split("/") ?? [];
                  if (search.span !== undefined && span !== undefined) change({ trace, span }, true);
                }}
                onClose={search.span === undefined ? undefined : close}
                onOpen={(span) => change({ span: span.id, trace: span.trace_id }, search.span !== undefined)}
                onEnd={onEnd}
                onScrolled={setScrolled}
                footer={<EndFailed error={list.endError} onRetry={list.retryEnd} />}
                isNew={list.isNew}
              />
            </>
          )}
        </div>
        {search.span !== undefined && search.trace !== undefined && (
          <SpanBeside
            traceId={search.trace}
            spanId={search.span}
            onSpan={(id) => change({ span: id }, true)}
            onClose={close}
          />
        )}
      </div>
    </div>
  );
}

const COLUMNS: readonly Column<Span>[] = [
  {
    id: "name",
    title: "Name",
    width: "minmax(180px, 1fr)",
    sort: "name",
    cell: (span) => (
      <span className="flex min-w-0 items-center gap-2.5">
        <StatusDot status={statusOf(span.status)} />
        <span dir="auto" className="truncate" title={span.name}>{span.name}</span>
      </span>
    ),
  },
  { id: "kind", title: "Kind", width: "104px", from: 612, cell: (span) => <span className="block truncate text-muted" title={`kind:${kindWord(span)}`}>{kindLabel(span)}</span> },
  {
    id: "model",
    title: "Model",
    width: "minmax(100px, 200px)",
    from: 816,
    cell: (span) => (span.metadata.model === null ? null : <span className="block truncate text-muted" title={span.metadata.model}>{span.metadata.model}</span>),
  },
  { id: "tokens", title: "Tokens", width: "72px", from: 700, right: true, sort: "tokens", cell: (span) => (span.metadata.total_tokens === null ? <None /> : <Count value={span.metadata.total_tokens} />) },
  { id: "cost", title: "Cost", width: "80px", right: true, sort: "cost", cell: (span) => (span.metadata.estimated_cost === null ? <None /> : <Cost value={span.metadata.estimated_cost} />) },
  { id: "duration", title: "Duration", width: "88px", right: true, sort: "duration", cell: (span) => <SpanDuration span={span} /> },
  { id: "time", title: "Time", width: "64px", right: true, sort: "started_at", cell: (span) => <Time value={span.started_at} className="text-muted" /> },
];

function NarrowRow({ span }: { span: Span }) {
  return (
    <>
      <span className="flex min-w-0 items-center gap-2">
        <StatusDot status={statusOf(span.status)} />
        <span dir="auto" className="truncate">{span.name}</span>
        <Time value={span.started_at} className="ml-auto text-muted" />
      </span>
      <span className="flex items-center gap-3 pl-4 text-[12px] whitespace-nowrap text-muted">
        <span>{kindLabel(span)}</span>
        <SpanDuration span={span} />
        {span.metadata.total_tokens !== null && <span><Count value={span.metadata.total_tokens} /> tok</span>}
        {span.metadata.estimated_cost !== null && <Cost value={span.metadata.estimated_cost} />}
      </span>
    </>
  );
}
