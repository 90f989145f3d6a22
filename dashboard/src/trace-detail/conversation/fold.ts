import type { Message, Part } from "./message";

/** A stretch of a conversation: shown, or folded because an earlier call showed it already. */
export interface Stretch {
  folded: boolean;
  messages: Message[];
}

/** Runs shorter than this are cheaper to read than to open. */
const shortestFold = 2;

/**
 * Splits the messages of a call by whether an earlier call of the trace already showed them.
 *
 * Everything from the last prompt message on stays visible, so that a repeated call still shows
 * what was asked.
 */
export function foldSeen(messages: readonly Message[], earlier: readonly Message[]): Stretch[] {
  const seen = new Map<string, number>();
  for (const message of earlier) {
    const print = fingerprint(message);
    seen.set(print, (seen.get(print) ?? 0) + 1);
  }
  const lastPrompt = messages.reduce((last, message, index) => (message.answer ? last : index), -1);
  const stretches: Stretch[] = [];
  messages.forEach((message, index) => {
    let folded = false;
    if (!message.answer && index < lastPrompt) {
      const print = fingerprint(message);
      const left = seen.get(print) ?? 0;
      folded = left > 0;
      if (folded) seen.set(print, left - 1);
    }
    const last = stretches[stretches.length - 1];
    if (last && last.folded === folded) last.messages.push(message);
    else stretches.push({ folded, messages: [message] });
  });
  return joined(
    stretches.map((stretch) =>
      stretch.messages.length < shortestFold ? { ...stretch, folded: false } : stretch,
    ),
  );
}

function joined(stretches: readonly Stretch[]): Stretch[] {
  const result: Stretch[] = [];
  for (const stretch of stretches) {
    const last = result[result.length - 1];
    if (last && last.folded === stretch.folded) {
      last.messages = [...last.messages, ...stretch.messages];
    } else result.push({ ...stretch });
  }
  return result;
}

/**
 * What makes two messages the same to a reader: role, words, media and tool calls.
 *
 * Reasoning is left out, since clients seldom send it back.
 */
export function fingerprint(message: Message): string {
  const parts = message.parts
    .filter((part) => part.type !== "reasoning")
    .map((part) => printOf(part));
  return `${message.role === "developer" ? "system" : message.role}\u0000${parts.join("\u0000")}`;
}

function printOf(part: Part): string {
  switch (part.type) {
    case "text":
      return part.text.trim();
    case "tool_call":
      return `call ${part.id ?? ""} ${part.name} ${stable(part.arguments)}`;
    case "tool_result":
      return `result ${part.callId ?? ""} ${part.parts.map(printOf).join(" ")}`;
    default:
      return stable(part);
  }
}

let unprintable = 0;

/** JSON with sorted keys, since stores need not keep their order. */
export function stable(value: unknown): string {
  try {
    return (
      JSON.stringify(value, (_key, member: unknown) =>
        typeof member === "object" && member !== null && !Array.isArray(member)
          ? Object.fromEntries(
              Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
            )
          : member,
      ) ?? ""
    );
  } catch {
    // Too deep for the engine; such values then never count as seen.
    unprintable += 1;
    return `unprintable ${unprintable}`;
  }
}
