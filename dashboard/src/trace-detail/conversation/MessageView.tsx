import { AlertTriangle, Brain, CornerDownRight, Paperclip, Wrench } from "lucide-react";
import { useState } from "react";
import { CopyButton } from "../../components/CopyButton";
import { JsonViewer } from "../json/JsonViewer";
import { printed } from "../json/printed";
import { MarkdownText } from "../markdown/MarkdownText";
import { InlineImage } from "./InlineImage";
import type { Message, Part, ToolCall, ToolResult } from "./message";
import { inOneLine, LongText, ValueView } from "./ValueView";

const roleLabels: Record<string, string> = {
  system: "System",
  developer: "Developer",
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
  function: "Function",
  input: "Input",
  output: "Output",
};

/** One message: who speaks, then what they say. */
export function MessageView({ message }: { message: Message }) {
  const instructs = message.role === "system" || message.role === "developer";
  const fromUser = message.role === "user" || message.role === "input";
  const hasData = message.parts.some((part) => part.type === "data");
  const onlyData = hasData && message.parts.every((part) => part.type === "data");
  const words = message.parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
  return (
    <article className="group/message px-5 py-3" aria-label={roleLabels[message.role] ?? message.role}>
      <header className="mb-1.5 flex h-5 items-center gap-2 text-[11px] font-medium text-muted">
        <span className={message.role === "assistant" ? "text-text" : ""}>
          {roleLabels[message.role] ?? message.role}
        </span>
        {message.name && <span className="text-muted">{message.name}</span>}
        {message.cached && (
          <span className="rounded border border-line px-1 text-[10px] font-normal text-muted" title="The client asked the provider to cache the prompt up to here">
            cache
          </span>
        )}
        {words !== "" && (
          <CopyButton
            text={words}
            label="Copy message"
            className="ml-auto opacity-0 group-hover/message:opacity-100 focus-visible:opacity-100"
          />
        )}
      </header>
      {instructs ? (
        <Instructions message={message} />
      ) : (
        <div
          className={
            fromUser && !onlyData
              ? `flex ${hasData ? "w-full" : "w-fit"} max-w-full flex-col items-start gap-2.5 rounded-md border border-line bg-surface px-3.5 py-2.5`
              : "flex flex-col gap-2.5"
          }
        >
          <Parts parts={message.parts} limit={message.answer ? 12_000 : 3_000} />
        </div>
      )}
    </article>
  );
}

/** A system prompt: two lines until someone wants to read it. */
function Instructions({ message }: { message: Message }) {
  const [open, setOpen] = useState(false);
  const words = message.parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  const short = words.length <= 160 && !words.includes("\n") && message.parts.length <= 1;
  if (short) return <div dir="auto" className="max-w-[80ch] text-[13px] leading-5 text-muted">{words}</div>;
  if (open) {
    return (
      <div className="text-muted">
        <Parts parts={message.parts} limit={20_000} />
        <button
          type="button"
          aria-expanded
          onClick={() => setOpen(false)}
          className="mt-1.5 text-[12px] text-accent hover:underline"
        >
          Show less
        </button>
      </div>
    );
  }
  return (
    <button type="button" aria-expanded={false} onClick={() => setOpen(true)} className="group/system block w-full text-left">
      <span dir="auto" className="line-clamp-2 max-w-[80ch] text-[13px] leading-5 text-muted [overflow-wrap:anywhere] group-hover/system:text-text">
        {words.slice(0, 600)}
      </span>
      <span className="mt-0.5 block text-[12px] text-accent group-hover/system:underline">
        Show {words.length.toLocaleString("en-US")} characters
      </span>
    </button>
  );
}

function Parts({ parts, limit }: { parts: readonly Part[]; limit: number }) {
  if (parts.length === 0) return <p className="text-[13px] text-muted">empty message</p>;
  return parts.map((part, index) => <PartView key={index} part={part} limit={limit} />);
}

function PartView({ part, limit }: { part: Part; limit: number }) {
  switch (part.type) {
    case "text":
      return <MarkdownText text={part.text} limit={limit} />;
    case "reasoning":
      return <Reasoning text={part.text} />;
    case "refusal":
      return (
        <p className="flex gap-2 text-[14px] text-fail">
          <AlertTriangle size={14} className="mt-1 shrink-0" />
          {part.text}
        </p>
      );
    case "image":
      return <InlineImage source={part.source} description={null} />;
    case "audio":
      return <Audio source={part.source} transcript={part.transcript} />;
    case "file":
      return <Attachment name={part.name} mediaType={part.mediaType} source={part.source} />;
    case "tool_call":
      return <ToolCallView call={part} />;
    case "tool_result":
      return <LooseResult result={part} />;
    case "data":
      return (
        <div className="w-full rounded-md border border-line py-1">
          <JsonViewer value={part.value} label="Data" bare />
        </div>
      );
  }
}

/** What the model thought before it spoke; seldom what one came to read. */
function Reasoning({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="text-muted">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex items-center gap-1.5 text-[12px] text-muted hover:text-text"
      >
        <Brain size={13} />
        Reasoning
        {!open && <span className="line-clamp-1 max-w-[56ch] text-left text-muted">{text.slice(0, 140)}</span>}
      </button>
      {open && (
        <div className="mt-1.5 border-l-2 border-line pl-3">
          <MarkdownText text={text} />
        </div>
      )}
    </div>
  );
}

function Audio({ source, transcript }: { source: string | null; transcript: string | null }) {
  const local = source?.startsWith("data:") ?? false;
  return (
    <div className="flex flex-col gap-1.5">
      {local && source ? (
        <audio controls src={source} className="h-9 max-w-full" />
      ) : (
        <span className="text-[13px] text-muted">Audio not recorded</span>
      )}
      {transcript && <MarkdownText text={transcript} />}
    </div>
  );
}

function Attachment({ name, mediaType, source }: { name: string | null; mediaType: string | null; source: string | null }) {
  const label = (
    <>
      <Paperclip size={14} className="shrink-0 text-muted" />
      <span className="truncate">{name ?? "File"}</span>
      {mediaType && <span className="text-muted">{mediaType}</span>}
    </>
  );
  const look = "inline-flex h-9 max-w-full items-center gap-2 rounded-md border border-line px-3 text-[13px]";
  if (!source) return <span className={look}>{label}</span>;
  return (
    <a
      href={source}
      download={name ?? "file"}
      target="_blank"
      rel="noreferrer noopener"
      className={`${look} hover:border-line-strong`}
    >
      {label}
    </a>
  );
}

/** A tool call: its name, its arguments as a table, and its result underneath. */
function ToolCallView({ call }: { call: ToolCall }) {
  return (
    <section className="w-full max-w-[760px] overflow-hidden rounded-md border border-line" aria-label={`Tool call ${call.name}`}>
      <ToolHead call={call} />
      <div className="border-t border-line">
        <ValueView value={call.arguments} label="Arguments" />
      </div>
      {call.result && <ResultView result={call.result} />}
    </section>
  );
}

/** A result whose call an earlier LLM call showed: the call is named, its arguments wait folded. */
function LooseResult({ result }: { result: ToolResult }) {
  const [open, setOpen] = useState(false);
  const { call } = result;
  const name = call?.name ?? result.name;
  return (
    <section className="w-full max-w-[760px] overflow-hidden rounded-md border border-line" aria-label={`Result of ${name ?? "a tool"}`}>
      {call ? (
        <button
          type="button"
          aria-expanded={open}
          title={open ? "Hide arguments" : "Show arguments"}
          onClick={() => setOpen(!open)}
          className="flex h-8 w-full items-center gap-2 bg-surface px-3 text-left hover:bg-hover"
        >
          <Wrench size={13} style={{ color: "var(--kind-tool)" }} className="shrink-0" />
          <span className="shrink-0 font-mono text-[12px] font-medium">{call.name}</span>
          <span className="truncate font-mono text-[11px] text-muted">{inOneLine(call.arguments)}</span>
        </button>
      ) : (
        name !== null && <ToolHead call={{ type: "tool_call", id: result.callId, name, arguments: null }} />
      )}
      {call && open && (
        <div className="border-t border-line">
          <ValueView value={call.arguments} label="Arguments" />
        </div>
      )}
      <ResultView result={result} />
    </section>
  );
}

function ToolHead({ call }: { call: ToolCall }) {
  return (
    <div className="flex h-8 items-center gap-2 bg-surface px-3">
      <Wrench size={13} style={{ color: "var(--kind-tool)" }} className="shrink-0" />
      <span className="truncate font-mono text-[12px] font-medium">{call.name}</span>
      {call.id && <span className="truncate font-mono text-[11px] text-muted">{call.id}</span>}
      <CopyButton text={() => printed(call.arguments)} label="Copy arguments" className="ml-auto" />
    </div>
  );
}

function ResultView({ result }: { result: ToolResult }) {
  return (
    <div className="border-t border-line bg-surface/50">
      <div className={`flex items-center gap-1.5 px-3 pt-1.5 text-[11px] ${result.failed ? "text-fail" : "text-muted"}`}>
        <CornerDownRight size={12} />
        {result.failed ? "Error" : "Result"}
      </div>
      {result.parts.length === 0 ? (
        <div className="px-3 pt-0.5 pb-2 text-[12px] text-muted">empty</div>
      ) : (
        result.parts.map((part, index) =>
          part.type === "text" ? (
            <div key={index} className="px-3 pt-0.5 pb-2 text-[13px] leading-5">
              <LongText text={part.text} />
            </div>
          ) : part.type === "data" ? (
            <ValueView key={index} value={part.value} label="Result" />
          ) : (
            <div key={index} className="px-3 pt-0.5 pb-2">
              <PartView part={part} limit={3_000} />
            </div>
          ),
        )
      )}
    </div>
  );
}
