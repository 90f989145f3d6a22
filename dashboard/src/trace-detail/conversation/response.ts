import type { Message, Part } from "./message";
import { areMessages, message, readMessages } from "./messages";
import { firstText, isFields, parsed, readParts, readToolCall, text, type Fields } from "./part";

export interface Answer {
  messages: Message[];
  finishReason: string | null;
}

/** What a call answered; null when the output is not an answer in any known form. */
export function readResponse(value: unknown): Answer | null {
  const output = parsed(value);
  if (typeof output === "string") {
    return output === "" ? null : said(readParts(output), null);
  }
  if (Array.isArray(output)) return readAnswerList(output);
  if (!isFields(output)) return null;

  if (Array.isArray(output.choices)) return readChoices(output.choices);
  if (Array.isArray(output.output) && (output.output.length === 0 || areMessages(output.output))) {
    const details = output.incomplete_details;
    const reason = isFields(details) ? text(details.reason) : null;
    return { messages: readMessages(output.output, true), finishReason: reason ?? text(output.status) };
  }
  if (Array.isArray(output.candidates)) return readCandidates(output.candidates);
  const embeddings = readEmbeddings(output);
  if (embeddings) return { messages: [message("output", [embeddings], true)], finishReason: null };
  if (isFields(output.message)) {
    return {
      messages: readMessages([output.message], true),
      finishReason: firstText(output, "done_reason", "finish_reason", "finishReason"),
    };
  }
  if (typeof output.role === "string" && ("content" in output || "parts" in output || "tool_calls" in output)) {
    return {
      messages: readMessages([output], true),
      finishReason: firstText(output, "stop_reason", "finish_reason"),
    };
  }
  if (typeof output.response === "string" && ("done" in output || "model" in output)) {
    const parts: Part[] = [];
    const thinking = text(output.thinking);
    if (thinking) parts.push({ type: "reasoning", text: thinking });
    parts.push(...readParts(output.response));
    return said(parts, text(output.done_reason));
  }
  return readOperation(output);
}

function said(parts: Part[], finishReason: string | null): Answer {
  return { messages: [message("assistant", parts, true)], finishReason };
}

function readAnswerList(list: readonly unknown[]): Answer | null {
  if (!areMessages(list)) return null;
  const reason = list
    .map((item) => (isFields(item) ? firstText(item, "finish_reason", "stop_reason") : null))
    .find((found) => found !== null);
  return { messages: readMessages(list, true), finishReason: reason ?? null };
}

function readChoices(choices: readonly unknown[]): Answer {
  const messages: Message[] = [];
  let finishReason: string | null = null;
  for (const choice of choices) {
    if (!isFields(choice)) continue;
    finishReason ??= text(choice.finish_reason);
    if (isFields(choice.message)) messages.push(...readMessages([choice.message], true));
    else if (isFields(choice.delta)) {
      messages.push(...readMessages([{ role: "assistant", ...choice.delta }], true));
    } else if (typeof choice.text === "string") {
      messages.push(message("assistant", readParts(choice.text), true));
    }
  }
  return { messages, finishReason };
}

function readCandidates(candidates: readonly unknown[]): Answer {
  const messages: Message[] = [];
  let finishReason: string | null = null;
  for (const candidate of candidates) {
    if (!isFields(candidate)) continue;
    finishReason ??= text(candidate.finishReason) ?? text(candidate.finish_reason);
    if (isFields(candidate.content)) {
      messages.push(...readMessages([{ role: "assistant", content: candidate.content.parts }], true));
    }
  }
  return { messages, finishReason };
}

/** Vectors say little as numbers: their count and length is what people want to see. */
function readEmbeddings(output: Fields): Part | null {
  const list = Array.isArray(output.data)
    ? (output.data as unknown[]).map((entry) => (isFields(entry) ? entry.embedding : null))
    : Array.isArray(output.embeddings)
      ? (output.embeddings as unknown[])
      : Array.isArray(output.embedding)
        ? [output.embedding]
        : [];
  const first = list[0];
  if (first === undefined || first === null) return null;
  const count = `${list.length} ${list.length === 1 ? "vector" : "vectors"}`;
  if (Array.isArray(first)) return { type: "text", text: `${count} of ${first.length} numbers` };
  return typeof first === "string" ? { type: "text", text: `${count}, base64` } : null;
}

/** The output object of the Vercel AI SDK: text, object and tool calls side by side. */
function readOperation(output: Fields): Answer | null {
  const parts: Part[] = [];
  const reasoning = firstText(output, "reasoning", "reasoningText");
  if (reasoning !== null) parts.push({ type: "reasoning", text: reasoning });
  const words = firstText(output, "text", "output_text", "completion", "content");
  if (words !== null) parts.push({ type: "text", text: words });
  if (output.object !== undefined && typeof output.object !== "string") {
    parts.push({ type: "data", value: output.object });
  } else if (typeof output.object === "string" && "finish_reason" in output) {
    const object = parsed(output.object);
    if (typeof object !== "string") parts.push({ type: "data", value: object });
  }
  const calls = parsed(output.tool_calls ?? output.toolCalls);
  if (Array.isArray(calls)) {
    for (const call of calls) if (isFields(call)) parts.push(readToolCall(call));
  }
  const finishReason = firstText(output, "finish_reason", "finishReason", "stop_reason");
  return parts.length > 0 || finishReason !== null ? said(parts, finishReason) : null;
}
