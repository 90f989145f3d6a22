import type { Conversation, Message, Part, ToolCall } from "./message";
import { message } from "./messages";
import { parsed, text, type Fields } from "./part";
import { readParameters, readRequest, readTools } from "./request";
import { readResponse } from "./response";

/** What of a span a conversation is read from. */
export interface Exchange {
  input?: unknown;
  output?: unknown;
  attributes?: Fields;
  /** Whether nobody speaks in it, as in an embedding. */
  speechless?: boolean;
}

/**
 * Reads the conversation of an LLM call, whichever provider, SDK or convention wrote it down.
 *
 * A side in no known form is shown as data beside the other one. Null when neither side is in a
 * known form; the JSON view then says it all.
 */
export function readConversation(exchange: Exchange): Conversation | null {
  const attributes = exchange.attributes ?? {};
  const prompt = readRequest(exchange.input);
  const answer = readResponse(exchange.output);
  if (!prompt && !answer) return null;
  const asked = prompt ?? unread("input", exchange.input);
  const read = answer !== null && (answer.messages.length > 0 || answer.finishReason !== null);
  const said = read ? answer.messages : unread("output", exchange.output);
  if (exchange.speechless || answer?.messages.some(({ role }) => role === "output")) {
    for (const each of asked) if (each.role === "user") each.role = "input";
    for (const each of said) if (each.role === "assistant") each.role = "output";
  }
  return {
    messages: [...asked, ...said],
    tools: readTools(exchange.input, attributes),
    parameters: readParameters(exchange.input, attributes),
    finishReason: answer?.finishReason ?? finishReasonOf(attributes),
  };
}

/** A side that nothing could be read from, as it was recorded. */
function unread(side: "input" | "output", value: unknown): Message[] {
  if (value === undefined || value === null || value === "") return [];
  return [message(side, [{ type: "data", value: parsed(value) }], side === "output")];
}

function finishReasonOf(attributes: Fields): string | null {
  const reasons = parsed(
    attributes["gen_ai.response.finish_reasons"] ??
      attributes["ai.response.finishReason"] ??
      attributes["llm.response.finish_reason"],
  );
  if (Array.isArray(reasons)) return text(reasons[0]);
  return text(reasons);
}

/**
 * Puts each tool result under the call it answers, and drops messages that held nothing else.
 *
 * Results without an id go to the first open call of the same name, else to the first open call.
 * A result whose call is not among `messages` but among `earlier` keeps its place and names it.
 */
export function withResults(messages: readonly Message[], earlier: readonly Message[] = []): Message[] {
  const copies = messages.map((message) => ({
    ...message,
    parts: message.parts.map((part): Part => (part.type === "tool_call" ? { ...part } : part)),
  }));
  const calls = callsOf(copies);
  const olderCalls = callsOf(earlier);
  const answered = new Set<ToolCall>();
  const callFor = (id: string | null, name: string | null, among: readonly ToolCall[]) => {
    const open = among.filter((call) => !answered.has(call));
    if (id !== null) {
      const exact = open.find((call) => call.id === id);
      if (exact) return exact;
    }
    const anonymous = open.filter((call) => call.id === null || id === null);
    return anonymous.find((call) => name !== null && call.name === name) ?? (name === null ? anonymous[0] : undefined);
  };

  const kept: Message[] = [];
  for (const message of copies) {
    const before = message.parts.length;
    message.parts = message.parts.flatMap((part): Part[] => {
      if (part.type !== "tool_result") return [part];
      const call = callFor(part.callId, part.name, calls);
      if (call) {
        answered.add(call);
        call.result = part;
        return [];
      }
      const older = callFor(part.callId, part.name, olderCalls);
      if (!older) return [part];
      answered.add(older);
      return [{ ...part, call: older }];
    });
    if (message.parts.length > 0 || before === 0) kept.push(message);
  }
  return kept;
}

function callsOf(messages: readonly Message[]): ToolCall[] {
  return messages.flatMap((message) =>
    message.parts.filter((part): part is ToolCall => part.type === "tool_call"),
  );
}

/** The first words a user said, for a one-line preview. */
export function firstWords(conversation: Conversation): string | null {
  for (const message of conversation.messages) {
    if (message.role !== "user") continue;
    for (const part of message.parts) if (part.type === "text") return part.text;
  }
  return null;
}
