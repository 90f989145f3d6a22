import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowLeft, Braces, Trash2 } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { useMay } from "../account/account";
import { api } from "../api/client";
import { spanPath, spanQuery, traceQuery, useTrace } from "../api/trace";
import type { Span } from "../api/types";
import { Button } from "../components/Button";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { CopyButton } from "../components/CopyButton";
import { Cost, Count } from "../components/Figures";
import { IconButton } from "../components/IconButton";
import { patiently } from "../lib/patience";
import { readConversation } from "./conversation/conversation";
import { Empty, NoPayload } from "./Empty";
import { ErrorBanner } from "./ErrorBanner";
import { JsonViewer } from "./json/JsonViewer";
import { printed } from "./json/printed";
import { TextLines } from "./json/TextLines";
import { familyLabels, KindIcon } from "./KindIcon";
import { costOf, errorOf, extentOf, familyOf, kindWord, modelOf, stateOf } from "./model/span";
import { useEarlierMessages } from "./conversation/useEarlierMessages";
import { SpanAttributes } from "./SpanAttributes";
import { SpanContent } from "./SpanContent";
import { Started } from "./Started";
import { StatusWord } from "./StatusWord";
import { Taken } from "./Taken";
import { useNow } from "./use-now";
import { YamlTab } from "./YamlTab";
import "./trace-detail.css";

const FinishMenu = lazy(() => patiently(() => import("./FinishMenu")));

export type SpanTab = "messages" | "json" | "yaml" | "raw" | "attributes";

interface Props {
  spanId: string;
  traceId: string;
  /** The open tab, when the caller keeps it in the URL. */
  tab?: SpanTab;
  onTab?: (tab: SpanTab) => void;
  /** Chooses another span, such as the parent. */
  onSpan?: (id: string) => void;
  /** Goes back to the tree on narrow screens. */
  onBack?: () => void;
  onDeleted?: () => void;
}

/** One span: what went wrong, what was said, and the figures of it. */
export function SpanPanel({ spanId, traceId, tab, onTab, onSpan, onBack, onDeleted }: Props) {
  const [ownTab, setOwnTab] = useState<SpanTab>("messages");
  const trace = useTrace(traceId);
  // The tree already knows all but the payload, so the head stands while the body loads.
  const known = trace.data?.spans.find((span) => span.id === spanId);
  const query = useQuery({ ...spanQuery(traceId, spanId), placeholderData: known });
  if (query.isPending) return <PanelSkeleton />;
  if (query.isError) {
    const missing = "status" in query.error && query.error.status === 404;
    return (
      <Empty
        full
        title={missing ? "This span does not exist" : "The span cannot be loaded"}
        action={missing ? undefined : <Button onClick={() => void query.refetch()}>Try again</Button>}
      >
        {missing ? "It was deleted, or belongs to another trace." : query.error.message}
      </Empty>
    );
  }
  return (
    <Panel
      key={query.data.id}
      span={query.data}
      loading={query.isPlaceholderData || trace.isPending}
      siblings={trace.data?.spans ?? none}
      tab={tab ?? ownTab}
      onTab={onTab ?? setOwnTab}
      onSpan={onSpan}
      onBack={onBack}
      onDeleted={onDeleted}
    />
  );
}

const none: readonly Span[] = [];

interface PanelProps {
  span: Span;
  tab: SpanTab;
  onTab: (tab: SpanTab) => void;
  onSpan: Props["onSpan"];
  onBack: Props["onBack"];
  onDeleted: Props["onDeleted"];
}

interface BodyProps {
  /** Whether the payload is still on its way. */
  loading: boolean;
  /** The spans of the trace. */
  siblings: readonly Span[];
}

function Panel({
  span,
  loading,
  siblings,
  tab,
  onTab,
  onSpan,
  onBack,
  onDeleted,
}: PanelProps & BodyProps) {
  const state = stateOf(span);
  const now = useNow(state === "running");
  const error = errorOf(span);
  const family = familyOf(span);
  const earlier = useEarlierMessages(family === "llm" ? siblings : none, span);
  const conversation = useMemo(
    () =>
      readConversation({
        input: span.input,
        output: span.output,
        attributes: attributesOf(span),
        speechless: familyOf(span) === "embedding",
      }),
    [span],
  );
  const tabs: [SpanTab, string][] = [
    ["messages", family === "llm" ? "Messages" : "Overview"],
    ["json", "JSON"],
    ["yaml", "YAML"],
    ["raw", "Raw"],
    ["attributes", "Attributes"],
  ];
  return (
    <section className="flex h-full min-h-0 min-w-0 flex-col" aria-label={`Span ${span.name}`}>
      <PanelHeader span={span} siblings={siblings} now={now} onSpan={onSpan} onBack={onBack} onDeleted={onDeleted} />
      {error !== null && <ErrorBanner error={error} />}
      <div role="tablist" aria-label="Views of the span" className="flex h-9 shrink-0 gap-4 border-b border-line px-5">
        {tabs.map(([name, label]) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={tab === name}
            onClick={() => onTab(name)}
            className={`-mb-px border-b-2 text-[13px] ${
              tab === name ? "border-accent font-medium text-text" : "border-transparent text-muted hover:text-text"
            }`}
          >
            {label}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        aria-label={tabs.find(([name]) => name === tab)?.[1]}
        className={`flex min-h-0 flex-1 flex-col ${tab === "messages" || tab === "attributes" ? "overflow-y-auto" : ""}`}
        tabIndex={tab === "messages" || tab === "attributes" ? 0 : -1}
      >
        {loading || (tab === "messages" && earlier === null) ? (
          tab !== "attributes" && <BodySkeleton />
        ) : (
          <>
            {tab === "messages" && (
              <SpanContent span={span} conversation={conversation} earlier={earlier ?? []} now={now} />
            )}
            {tab === "json" && <JsonTab span={span} />}
            {tab === "yaml" && <YamlTab span={span} waiting={<BodySkeleton />} />}
            {tab === "raw" && <TextLines text={printed(span)} label="The span as the API returns it" />}
          </>
        )}
        {tab === "attributes" && <SpanAttributes span={span} />}
      </div>
    </section>
  );
}

function PanelHeader({
  span,
  siblings,
  now,
  onSpan,
  onBack,
  onDeleted,
}: Omit<PanelProps, "tab" | "onTab"> & Pick<BodyProps, "siblings"> & { now: number }) {
  const [deleting, setDeleting] = useState(false);
  const [finishing, setFinishing] = useState(false);
  const mayWrite = useMay("traces_write");
  const client = useQueryClient();
  const family = familyOf(span);
  const { start, end } = extentOf(span, now);
  const parent = span.parent_id === null ? null : siblings.find((other) => other.id === span.parent_id);
  const tokens = span.metadata.total_tokens;
  const cost = costOf(span);
  const model = modelOf(span);
  const kind = family === "custom" ? kindWord(span) : familyLabels[family];
  return (
    <header className="shrink-0 border-b border-line px-5 pt-3 pb-2.5">
      <div className="flex min-w-0 items-center gap-2">
        {onBack && (
          <IconButton label="Back to the tree" onClick={onBack} className="-ml-2 md:hidden">
            <ArrowLeft size={16} />
          </IconButton>
        )}
        <KindIcon family={family} size={16} />
        <h2 dir="auto" title={span.name} className="min-w-0 truncate text-[14px] font-semibold">
          {span.name}
        </h2>
        <div className="ml-auto flex shrink-0 items-center">
          <CopyButton text={span.id} label="Copy span id" />
          <CopyButton text={() => printed(span)} label="Copy span as JSON" icon={<Braces size={14} />} />
          {mayWrite && (stateOf(span) === "running" || finishing) && (
            <Suspense>
              <FinishMenu span={span} onOpen={setFinishing} />
            </Suspense>
          )}
          {mayWrite && (
            <IconButton label="Delete span" onClick={() => setDeleting(true)}>
              <Trash2 size={14} />
            </IconButton>
          )}
        </div>
      </div>
      <div className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-[12px] text-muted">
        <StatusWord state={stateOf(span)} />
        <span>{kind}</span>
        {model !== null && model !== span.name && <span className="font-mono text-[11px]">{model}</span>}
        <span className="text-text">
          <Taken ms={end - start} running={stateOf(span) === "running"} />
        </span>
        {tokens !== null && tokens > 0 && (
          <span>
            <Count value={tokens} /> tokens
          </span>
        )}
        {cost !== null && <Cost value={cost} />}
        <Started at={span.started_at} now={stateOf(span) === "running" ? now : undefined} />
        {parent && onSpan && (
          <span className="min-w-0 truncate">
            in{" "}
            <button type="button" onClick={() => onSpan(parent.id)} className="text-accent hover:underline">
              {parent.name}
            </button>
          </span>
        )}
      </div>
      {!onSpan && (
        <Link
          to="/traces/$id"
          params={{ id: span.trace_id } as never}
          search={{ span: span.id } as never}
          className="mt-1 inline-block text-[12px] text-accent hover:underline"
        >
          Open in its trace
        </Link>
      )}
      <ConfirmDialog
        open={deleting}
        onOpenChange={setDeleting}
        title="Delete this span?"
        confirm="Delete span"
        danger
        onConfirm={async () => {
          await api.delete(spanPath(span.trace_id, span.id));
          await client.invalidateQueries({ queryKey: traceQuery(span.trace_id).queryKey });
          onDeleted?.();
        }}
      >
        “{span.name}” and its payload are removed for good. Spans below it stay and become roots.
      </ConfirmDialog>
    </header>
  );
}

function JsonTab({ span }: { span: Span }) {
  const value = useMemo(() => {
    const payload: Record<string, unknown> = {};
    if (span.input !== undefined) payload.input = span.input;
    if (span.output !== undefined) payload.output = span.output;
    return payload;
  }, [span]);
  if (Object.keys(value).length === 0) return <NoPayload />;
  return <JsonViewer value={value} label="Input and output" fill />;
}

function attributesOf(span: Span): Record<string, unknown> {
  return span.kind.type === "custom" ? span.kind.attributes : (span.attributes ?? {});
}

function PanelSkeleton() {
  return (
    <div className="flex h-full flex-col">
      <div className="border-b border-line px-5 pt-3 pb-2.5">
        <div className="skeleton h-5 w-48" />
        <div className="skeleton mt-2 h-4 w-80" />
      </div>
      <div className="h-9 border-b border-line" />
      <BodySkeleton />
    </div>
  );
}

/** Comes late, so that a quick answer is not announced by a flash. */
function BodySkeleton() {
  return (
    <div className="late flex flex-col gap-3 px-5 py-5" role="group" aria-busy="true" aria-label="Loading span">
      <div className="skeleton h-4 w-16" />
      <div className="skeleton h-16 w-full max-w-[70ch]" />
      <div className="skeleton mt-4 h-4 w-20" />
      <div className="skeleton h-40 w-full max-w-[70ch]" />
    </div>
  );
}
