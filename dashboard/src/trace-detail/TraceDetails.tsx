import { Link } from "@tanstack/react-router";
import { ChevronDown } from "lucide-react";
import { Popover } from "radix-ui";
import type { ReactNode } from "react";
import type { Trace } from "../api/types";
import { CopyButton } from "../components/CopyButton";
import { FLOATING } from "../components/menu";
import { formatMoment } from "../lib/format";
import { ValueView } from "./conversation/ValueView";
import { printed } from "./json/printed";

/** What else was recorded about a trace: its metadata, every tag, the exact times. */
export function TraceDetails({ trace }: { trace: Trace }) {
  const members = Object.keys(trace.metadata).length;
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <button type="button" className="flex items-center gap-1 rounded whitespace-nowrap hover:text-text data-[state=open]:text-text">
          {members === 0 ? "Details" : `${members} metadata`}
          <ChevronDown size={12} />
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={6}
          collisionPadding={8}
          aria-label="Details of the trace"
          className={`${FLOATING} max-h-[70vh] w-[min(440px,calc(100vw-16px))] overflow-y-auto py-2 text-[13px]`}
        >
          <dl className="grid grid-cols-[auto_1fr] items-baseline gap-x-4 gap-y-1.5 px-3 py-1">
            <Detail name="Id">
              <span className="flex items-center gap-1 font-mono text-[12px]">
                <span className="min-w-0 [overflow-wrap:anywhere]">{trace.id}</span>
                <CopyButton text={trace.id} label="Copy trace id" />
              </span>
            </Detail>
            <Detail name="Started">{formatMoment(trace.started_at)}</Detail>
            {trace.ended_at !== null && <Detail name="Ended">{formatMoment(trace.ended_at)}</Detail>}
            {trace.machine_id !== null && <Detail name="Machine">{trace.machine_id}</Detail>}
            {trace.session_id !== null && (
              <Detail name="Session">
                <span className="[overflow-wrap:anywhere]">{trace.session_id}</span>
              </Detail>
            )}
            {trace.tags.length > 0 && (
              <Detail name="Tags">
                <span className="flex flex-wrap gap-1.5">
                  {trace.tags.map((tag) => (
                    <TagLink key={tag} tag={tag} whole />
                  ))}
                </span>
              </Detail>
            )}
          </dl>
          {members > 0 && (
            <section aria-label="Metadata" className="mt-2 border-t border-line px-3 pt-1.5">
              <h3 className="flex items-center justify-between text-[11px] text-muted">
                Metadata
                <CopyButton text={() => printed(trace.metadata)} label="Copy metadata" />
              </h3>
              <div className="-mx-3">
                <ValueView value={trace.metadata} label="Metadata" />
              </div>
            </section>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Detail({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-[12px] text-muted">{name}</dt>
      <dd className="min-w-0 tabular-nums">{children}</dd>
    </>
  );
}

/** A tag, which leads to the traces that carry it. */
export function TagLink({ tag, whole = false }: { tag: string; whole?: boolean }) {
  return (
    <Link
      to="/traces"
      search={{ q: tagQuery(tag) } as never}
      title={`Traces tagged ${tag}`}
      className={`rounded border border-line px-1.5 text-[11px] leading-[18px] hover:border-line-strong hover:text-text ${
        whole ? "[overflow-wrap:anywhere]" : "max-w-48 truncate"
      }`}
    >
      {tag}
    </Link>
  );
}

/** The search for a tag in the query language. */
export function tagQuery(tag: string): string {
  return /^[\w.:/@-]+$/.test(tag) ? `tag:${tag}` : `tag:"${tag.replace(/["\\]/g, "\\$&")}"`;
}
