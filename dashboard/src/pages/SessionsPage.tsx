import { Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { ApiError } from "../api/client";
import type { Session, SessionPage } from "../api/types";
import { Button } from "../components/Button";
import { Count, Duration, None, TotalCost } from "../components/Figures";
import { Failed, Notice } from "../components/Notices";
import { StatusDot } from "../components/Parts";
import { CopyButton } from "../components/CopyButton";
import { Time } from "../components/Time";
import { EndFailed, Misunderstood, NewRows, NoMatch } from "../lists/ListStates";
import { useListSearch } from "../lists/search";
import { TimeRange } from "../lists/TimeRange";
import { counted } from "../lib/format";
import { useLiveList } from "../lists/useLiveList";
import { useSelected } from "../lists/useSelected";
import { useSessionsById } from "../lists/useSessionsById";
import { SearchBar } from "../search/SearchBar";
import { LiveIndicator } from "../shell/LiveIndicator";
import { DataTable, TableSkeleton, type Column } from "../table/DataTable";

const readRows = (answer: SessionPage) => answer.sessions;
const keyOf = (session: Session) => session.id;

/** Conversations: traces that share a session id, the most recently active first. */
export default function SessionsPage() {
  const [search, change, url] = useListSearch();
  const navigate = useNavigate();
  const [scrolled, setScrolled] = useState(false);
  const list = useLiveList<Session>({
    path: "/api/sessions",
    params: { q: search.q, since: search.since, until: search.until, status: search.status },
    read: readRows as (answer: never) => Session[],
    keyOf,
    held: scrolled,
    gone: () => false,
    reloads: (event) => event.type === "trace_deleted" || event.type === "span_deleted",
  });
  const [selected, setSelected] = useSelected(list.place);
  const byId = useSessionsById(search);
  const rows = useMemo(() => {
    const ids = new Set(byId.sessions.map(keyOf));
    return ids.size === 0 ? list.rows : [...byId.sessions, ...list.rows.filter((session) => !ids.has(session.id))];
  }, [byId.sessions, list.rows]);
  const invalid = list.error instanceof ApiError && list.error.status === 400 ? list.error.message : null;
  const filters = [search.q, search.since, search.until, search.status];
  const unfiltered = filters.every((filter) => filter === undefined);
  const onEnd = useCallback(() => list.more(), [list.more]);
  const failedOnly = search.status === "failed";

  return (
    <div className="flex h-full min-w-0 flex-col">
      <div className="flex h-12 shrink-0 items-center gap-2 border-b border-line px-4">
        <h1 className="sr-only">Sessions</h1>
        <SearchBar
          value={search.q ?? ""}
          onRun={(q) => change({ q: q === "" ? undefined : q })}
          error={invalid}
          placeholder="Search sessions: id or text, cost:>0.5, tokens:>10000"
        />
        <Button aria-pressed={failedOnly} className={failedOnly ? "border-fail text-fail" : ""} onClick={() => change({ status: failedOnly ? undefined : "failed" })}>
          Failed
        </Button>
        <TimeRange
          since={search.since}
          until={search.until}
          onChange={(since, until) => change({ since: since === "" ? undefined : since, until: until === "" ? undefined : until })}
        />
        <LiveIndicator />
      </div>
      <div className="relative flex min-h-0 flex-1 flex-col">
        {list.isPending || byId.isPending ? (
          <TableSkeleton />
        ) : list.error !== null && invalid === null ? (
          <Failed error={list.error} onRetry={list.retry} />
        ) : rows.length === 0 ? (
          unfiltered ? <NoSessions /> : invalid === null ? <NoMatch search={search} onChange={change} what="sessions" /> : <Misunderstood error={invalid} onChange={change} />
        ) : (
          <>
            {list.waiting && <NewRows what="sessions" onShow={() => { list.show(); document.querySelector('[role="table"]')?.scrollTo({ top: 0 }); }} />}
            <DataTable
              key={list.place}
              place={list.place}
              label="Sessions"
              columns={COLUMNS}
              rows={rows}
              keyOf={keyOf}
              narrow={(session) => <NarrowRow session={session} />}
              selected={selected}
              onSelect={setSelected}
              onVisit={setSelected}
              onOpen={(session) => void navigate({ to: "/sessions/$id", params: { id: session.id }, search: url as never })}
              onEnd={onEnd}
              onScrolled={setScrolled}
              footer={<EndFailed error={list.endError} onRetry={list.retryEnd} />}
              isNew={list.isNew}
            />
          </>
        )}
      </div>
    </div>
  );
}

const COLUMNS: readonly Column<Session>[] = [
  {
    id: "id",
    title: "Session",
    width: "minmax(180px, 1fr)",
    cell: (session) => (
      <span className="flex min-w-0 items-center gap-2.5">
        <StatusDot status={session.status} />
        <Link to="/sessions/$id" params={{ id: session.id }} preload={false} className="truncate font-mono text-[12px]" title={session.id}>
          {session.id}
        </Link>
      </span>
    ),
  },
  { id: "traces", title: "Traces", width: "64px", right: true, cell: (session) => <Count value={session.trace_count} /> },
  { id: "spans", title: "Spans", width: "64px", right: true, cell: (session) => <Count value={session.span_count} /> },
  { id: "tokens", title: "Tokens", width: "72px", right: true, cell: (session) => (session.total_tokens === 0 ? <None /> : <Count value={session.total_tokens} />) },
  { id: "cost", title: "Cost", width: "80px", right: true, cell: (session) => <TotalCost value={session.total_cost} /> },
  { id: "duration", title: "Duration", width: "96px", right: true, cell: (session) => (session.duration_ms === null ? <None /> : <Duration value={session.duration_ms} />) },
  { id: "active", title: "Last active", width: "80px", right: true, cell: (session) => <Time value={session.last_active_at} className="text-muted" /> },
];

function NarrowRow({ session }: { session: Session }) {
  return (
    <>
      <span className="flex min-w-0 items-center gap-2">
        <StatusDot status={session.status} />
        <span className="truncate font-mono text-[12px]" title={session.id}>{session.id}</span>
        <Time value={session.last_active_at} className="ml-auto text-muted" />
      </span>
      <span className="flex items-center gap-3 pl-4 text-[12px] whitespace-nowrap text-muted">
        <span>{counted(session.trace_count, "trace")}</span>
        {session.total_tokens > 0 && <span><Count value={session.total_tokens} /> tok</span>}
        {session.total_cost > 0 && <TotalCost value={session.total_cost} />}
        {session.duration_ms !== null && <Duration value={session.duration_ms} />}
      </span>
    </>
  );
}

const HEADER = `extra_headers={"X-Traceway-Session-Id": "chat-42"}`;

function NoSessions() {
  return (
    <Notice title="No sessions yet">
      A session is a conversation: all traces that carry the same session id. Send the id with each call through the proxy,
      <span className="mt-3 flex items-center gap-2 rounded-md border border-line bg-surface px-3 py-2 text-left">
        <code className="min-w-0 overflow-x-auto font-mono text-[12px] whitespace-nowrap text-text">{HEADER}</code>
        <CopyButton text={HEADER} label="Copy" />
      </span>
      <span className="mt-3 block">
        or set <code className="font-mono text-text">session.id</code> on your OpenTelemetry spans.
      </span>
    </Notice>
  );
}
