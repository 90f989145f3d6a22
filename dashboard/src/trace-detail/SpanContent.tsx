import { FileText } from "lucide-react";
import { useMemo } from "react";
import type { Span } from "../api/types";
import { Empty } from "./Empty";
import { ConversationView } from "./conversation/ConversationView";
import type { Conversation, Message } from "./conversation/message";
import { isFields, parsed, text } from "./conversation/part";
import { LongText, ValueView } from "./conversation/ValueView";
import { JsonViewer } from "./json/JsonViewer";
import { MarkdownText } from "./markdown/MarkdownText";
import { familyOf, stateOf } from "./model/span";
import { SpanFacts } from "./SpanFacts";

interface Props {
  span: Span;
  conversation: Conversation | null;
  /** What the LLM call before this one showed. */
  earlier: readonly Message[];
  now: number;
}

/** The first tab of a span: the conversation of an LLM call, arguments and result of a tool. */
export function SpanContent({ span, conversation, earlier, now }: Props) {
  const family = familyOf(span);
  if (family === "llm" || (family === "embedding" && conversation)) {
    return (
      <>
        {conversation ? (
          <ConversationView conversation={conversation} earlier={earlier} />
        ) : (
          <Payloads span={span} />
        )}
        {stateOf(span) === "running" && <Running />}
        <SpanFacts span={span} conversation={conversation} now={now} />
      </>
    );
  }
  if (family === "file") return <FileFacts span={span} />;
  return (
    <>
      <Payloads span={span} />
      {stateOf(span) === "running" && <Running />}
    </>
  );
}

function Running() {
  return (
    <p className="flex items-center gap-2 px-5 py-3 text-[13px] text-muted">
      <span className="size-1.5 rounded-full bg-run motion-safe:animate-pulse" />
      Waiting for the output
    </p>
  );
}

function Payloads({ span }: { span: Span }) {
  const input = useMemo(() => toolInput(span), [span]);
  const output = useMemo(() => toolOutput(span), [span]);
  if (input === undefined && output === undefined) {
    return stateOf(span) === "running" ? null : (
      <Empty title="No input or output">
        This span was recorded without a payload. Its attributes are on the Attributes tab.
      </Empty>
    );
  }
  return (
    <div className="flex flex-col gap-5 px-5 py-4">
      {input !== undefined && <Payload label="Input" value={input} />}
      {output !== undefined && <Payload label="Output" value={output} />}
    </div>
  );
}

function Payload({ label, value }: { label: string; value: unknown }) {
  return (
    <section aria-label={label}>
      {typeof value === "string" ? (
        <>
          <Heading>{label}</Heading>
          <div className="rounded-md border border-line px-3.5 py-2.5">
            {/^\s*[[{<]/.test(value) ? <LongText text={value} mono /> : <MarkdownText text={value} />}
          </div>
        </>
      ) : isFields(value) && Object.keys(value).length <= 16 ? (
        <>
          <Heading>{label}</Heading>
          <div className="overflow-hidden rounded-md border border-line">
            <ValueView value={value} label={label} />
          </div>
        </>
      ) : (
        <div className="overflow-hidden rounded-md border border-line">
          <JsonViewer value={value} label={label} />
        </div>
      )}
    </section>
  );
}

function Heading({ children }: { children: string }) {
  return <h3 className="mb-1.5 text-[11px] font-medium text-muted">{children}</h3>;
}

/** Tools recorded through telemetry may keep arguments and result in their attributes. */
function toolInput(span: Span): unknown {
  const attributes = span.kind.type === "custom" ? span.kind.attributes : {};
  return parsed(span.input ?? attributes["gen_ai.tool.call.arguments"] ?? attributes["tool.parameters"]) ?? span.input;
}

function toolOutput(span: Span): unknown {
  const attributes = span.kind.type === "custom" ? span.kind.attributes : {};
  return parsed(span.output ?? attributes["gen_ai.tool.call.result"]) ?? span.output;
}

function FileFacts({ span }: { span: Span }) {
  const kind = span.kind;
  if (kind.type !== "fs_read" && kind.type !== "fs_write") return null;
  const bytes = kind.type === "fs_read" ? kind.bytes_read : kind.bytes_written;
  const version = text(kind.file_version);
  return (
    <>
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 px-5 py-4 text-[13px]">
        <dt className="text-muted">Path</dt>
        <dd className="flex min-w-0 items-center gap-2 font-mono text-[12px] [overflow-wrap:anywhere]">
          <FileText size={13} className="shrink-0 text-muted" />
          {kind.path}
        </dd>
        <dt className="text-muted">{kind.type === "fs_read" ? "Read" : "Written"}</dt>
        <dd className="tabular-nums">{bytes.toLocaleString("en-US")} bytes</dd>
        {version && (
          <>
            <dt className="text-muted">Version</dt>
            <dd className="font-mono text-[12px] [overflow-wrap:anywhere]">{version}</dd>
          </>
        )}
      </dl>
      {(span.input !== undefined || span.output !== undefined) && <Payloads span={span} />}
    </>
  );
}
