import { useMemo, useState } from "react";
import type { Span } from "../api/types";
import { CopyButton } from "../components/CopyButton";
import { Empty } from "./Empty";
import { LongText } from "./conversation/ValueView";
import { JsonViewer } from "./json/JsonViewer";
import { printed } from "./json/printed";

/** Everything recorded about a span besides its payload, name by name. */
export function SpanAttributes({ span }: { span: Span }) {
  const [wanted, setWanted] = useState("");
  const entries = useMemo(() => entriesOf(span), [span]);
  const needle = wanted.trim().toLowerCase();
  const shown = entries.filter(
    ([name, value]) => needle === "" || name.toLowerCase().includes(needle) || printed(value).toLowerCase().includes(needle),
  );
  return (
    <div className="flex flex-col">
      <div className="flex h-9 items-center gap-2 border-b border-line px-5 has-[input:focus-visible]:shadow-[inset_0_0_0_2px_var(--accent)]">
        <input
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
          placeholder="Filter attributes"
          aria-label="Filter attributes"
          className="min-w-0 flex-1 bg-transparent text-[13px] outline-none placeholder:text-muted"
        />
        <span className="text-[11px] tabular-nums text-muted">
          {needle === "" ? entries.length : `${shown.length} of ${entries.length}`}
        </span>
      </div>
      {shown.length === 0 ? (
        <Empty title="No attribute matches" />
      ) : (
        <dl>
          {shown.map(([name, value]) => (
            <div key={name} className="group/attribute flex items-start gap-x-3 border-b border-line/60 px-5 py-1">
              <dt className="w-[34%] min-w-28 shrink-0 py-0.5 font-mono text-[12px] leading-5 text-muted [overflow-wrap:anywhere]">
                {name}
              </dt>
              <dd className="flex min-w-0 flex-1 items-start gap-2 text-[12px] leading-5">
                <div className="min-w-0 flex-1 py-0.5">
                  {typeof value === "object" && value !== null ? (
                    <div className="-ml-2">
                      <JsonViewer value={value} label={name} bare />
                    </div>
                  ) : (
                    <LongText text={String(value)} mono />
                  )}
                </div>
                <CopyButton
                  text={() => printed(value)}
                  label={`Copy ${name}`}
                  className="opacity-0 group-hover/attribute:opacity-100 focus-visible:opacity-100"
                />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

function entriesOf(span: Span): [string, unknown][] {
  const { type, ...kind } = span.kind;
  const nested = span.kind.type === "custom" ? span.kind.attributes : {};
  const entries: [string, unknown][] = [
    ["id", span.id],
    ["trace_id", span.trace_id],
    ["parent_id", span.parent_id],
    ["started_at", span.started_at],
    ["ended_at", span.ended_at],
    ["kind.type", type],
    ...Object.entries(kind)
      .filter(([name]) => name !== "attributes")
      .map(([name, value]): [string, unknown] => [`kind.${name}`, value]),
    ...Object.entries(span.metadata).map(([name, value]): [string, unknown] => [`metadata.${name}`, value]),
    ...Object.entries(nested),
    ...Object.entries(span.attributes ?? {}),
  ];
  return entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
}
