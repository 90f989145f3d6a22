import { ChevronRight, Hammer } from "lucide-react";
import { useMemo, useState } from "react";
import { JsonViewer } from "../json/JsonViewer";
import { withResults } from "./conversation";
import { foldSeen } from "./fold";
import type { Conversation, Message, ToolDefinition } from "./message";
import { MessageView } from "./MessageView";

interface Props {
  conversation: Conversation;
  /** What the LLM call before this one showed. */
  earlier: readonly Message[];
}

/** The messages of a call, those an earlier call already showed folded behind one line. */
export function ConversationView({ conversation, earlier }: Props) {
  const stretches = useMemo(() => {
    const split = foldSeen(conversation.messages, earlier);
    let before: Message[] = [];
    return split.map((stretch) => {
      const paired = { ...stretch, count: stretch.messages.length, messages: withResults(stretch.messages, before) };
      before = [...before, ...stretch.messages];
      return paired;
    });
  }, [conversation, earlier]);
  return (
    <div className="py-2">
      {conversation.tools.length > 0 && <Tools tools={conversation.tools} />}
      {stretches.map((stretch, index) =>
        stretch.folded ? (
          <Folded key={index} count={stretch.count} messages={stretch.messages} />
        ) : (
          stretch.messages.map((message, place) => <MessageView key={`${index}/${place}`} message={message} />)
        ),
      )}
    </div>
  );
}

function Folded({ count, messages }: { count: number; messages: readonly Message[] }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="group/fold flex w-full items-center gap-3 px-5 py-2 text-[12px] text-muted hover:text-text"
      >
        <span className="h-px flex-1 bg-line" />
        <ChevronRight size={13} className={open ? "rotate-90" : ""} />
        <span>{count} earlier messages</span>
        <span className="h-px flex-1 bg-line" />
      </button>
      {open && messages.map((message, index) => <MessageView key={index} message={message} />)}
    </>
  );
}

/** The tools the model could choose from, one line until opened. */
function Tools({ tools }: { tools: readonly ToolDefinition[] }) {
  const [open, setOpen] = useState(false);
  return (
    <section className="px-5 py-1.5">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex max-w-full items-center gap-1.5 text-[12px] text-muted hover:text-text"
      >
        <Hammer size={13} className="shrink-0" />
        <span className="shrink-0">
          {tools.length} {tools.length === 1 ? "tool" : "tools"}
        </span>
        {!open && (
          <span className="truncate font-mono text-[11px] text-muted">
            {tools.slice(0, 12).map((tool) => tool.name).join(", ")}
          </span>
        )}
      </button>
      {open && (
        <ul className="mt-2 max-w-[760px] rounded-md border border-line">
          {tools.map((tool, index) => (
            <li key={index} className="border-t border-line px-3 py-2 first:border-t-0">
              <div className="font-mono text-[12px] font-medium">{tool.name}</div>
              {tool.description && (
                <p className="mt-0.5 max-w-[80ch] text-[13px] leading-5 whitespace-pre-line text-muted">{tool.description}</p>
              )}
              {tool.schema !== null && (
                <div className="mt-1 -ml-2">
                  <JsonViewer value={tool.schema} label={`Schema of ${tool.name}`} bare />
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
