import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { spanQuery } from "../api/trace";
import type { Span } from "../api/types";
import { Cost } from "../components/Figures";
import { readConversation, withResults } from "./conversation/conversation";
import { foldSeen } from "./conversation/fold";
import { MessageView } from "./conversation/MessageView";
import { Empty } from "./Empty";
import { KindIcon } from "./KindIcon";
import { costOf, errorOf, extentOf, familyOf, stateOf } from "./model/span";
import type { SpanTree } from "./model/tree";
import { useEarlierMessages } from "./conversation/useEarlierMessages";
import { Taken } from "./Taken";

/** LLM calls shown at once; more follow as the reader comes near. */
const page = 20;

interface Props {
  tree: SpanTree;
  traceId: string;
  selected: string | null;
  now: number;
  onSelect: (id: string, opens: boolean) => void;
}

/** The whole trace as one conversation: each LLM call adds what no call before it showed. */
export function Reader({ tree, traceId, selected, now, onSelect }: Props) {
  const calls = useMemo(
    () =>
      tree.nodes
        .filter((node) => familyOf(node.span) === "llm")
        .map((node) => node.span)
        .sort((a, b) => extentOf(a, 0).start - extentOf(b, 0).start),
    [tree],
  );
  const [shown, setShown] = useState(page);
  const end = useRef<HTMLDivElement>(null);
  const more = shown < calls.length;
  useEffect(() => {
    const mark = end.current;
    if (!more || !mark) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setShown((count) => count + page);
      },
      { rootMargin: "800px 0px" },
    );
    observer.observe(mark);
    return () => observer.disconnect();
  }, [more, shown]);

  if (calls.length === 0) {
    return <Empty title="No conversation in this trace">The reader shows LLM calls; this trace has none.</Empty>;
  }
  return (
    <div className="min-h-0 flex-1 overflow-y-auto" role="group" tabIndex={0} aria-label="Conversation of the trace">
      {calls.slice(0, shown).map((call) => (
        <Turn
          key={call.id}
          call={call}
          calls={calls}
          traceId={traceId}
          selected={call.id === selected}
          now={now}
          onSelect={onSelect}
        />
      ))}
      {more && <div ref={end} className="h-24" />}
    </div>
  );
}

interface TurnProps {
  call: Span;
  /** Every LLM call of the trace. */
  calls: readonly Span[];
  traceId: string;
  selected: boolean;
  now: number;
  onSelect: Props["onSelect"];
}

function Turn({ call, calls, traceId, selected, now, onSelect }: TurnProps) {
  const query = useQuery(spanQuery(traceId, call.id));
  const earlier = useEarlierMessages(calls, call);
  const messages = useMemo(() => {
    if (!query.data || earlier === null) return null;
    const conversation = readConversation({ input: query.data.input, output: query.data.output });
    if (!conversation) return [];
    const fresh = foldSeen(conversation.messages, earlier)
      .filter((stretch) => !stretch.folded)
      .flatMap((stretch) => stretch.messages);
    return withResults(fresh, earlier);
  }, [query.data, earlier]);
  const { start, end } = extentOf(call, now);
  const cost = costOf(call);
  const error = errorOf(call);
  return (
    <section className={`border-b border-line ${selected ? "shadow-[inset_2px_0_0_var(--accent)]" : ""}`}>
      <button
        type="button"
        onClick={() => onSelect(call.id, true)}
        className="sticky top-0 z-10 flex h-8 w-full items-center gap-2 border-b border-line bg-surface px-5 text-[12px] text-muted hover:text-text"
      >
        <KindIcon family="llm" size={13} />
        <span className="min-w-0 truncate">{call.name}</span>
        {error !== null && <span className="size-1.5 shrink-0 rounded-full bg-fail" title={error} />}
        <span className="ml-auto flex shrink-0 gap-3 tabular-nums">
          {cost !== null && <Cost value={cost} />}
          <Taken ms={end - start} running={stateOf(call) === "running"} />
        </span>
      </button>
      {messages === null ? (
        <div className="flex flex-col gap-2 px-5 py-4" aria-busy="true">
          <div className="skeleton h-4 w-24" />
          <div className="skeleton h-12 w-full" />
        </div>
      ) : messages.length === 0 ? (
        <p className="px-5 py-3 text-[13px] text-muted">{error ?? "Nothing said"}</p>
      ) : (
        messages.map((message, index) => <MessageView key={index} message={message} />)
      )}
    </section>
  );
}
