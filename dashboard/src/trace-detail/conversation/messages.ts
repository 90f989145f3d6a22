import type { Message, Part } from "./message";
import {
  firstText,
  isFields,
  parsed,
  readParts,
  readToolCall,
  readToolResult,
  resultParts,
  text,
  type Fields,
} from "./part";

export function message(role: string, parts: Part[], answer = false): Message {
  return { role, name: null, parts, cached: false, answer };
}

/** Whether a list looks like messages or items of some provider rather than like plain data. */
export function areMessages(list: readonly unknown[]): boolean {
  return list.length > 0 && list.every(isMessageLike);
}

function isMessageLike(item: unknown): boolean {
  if (!isFields(item)) return false;
  if (isFields(item.message) && typeof item.message.role === "string") return true;
  if (isFields(item.kwargs) && "content" in item.kwargs) return true;
  if (typeof item.role === "string") {
    return ["content", "parts", "tool_calls", "contents", "function_call", "refusal"].some(
      (name) => name in item,
    );
  }
  return typeof item.type === "string" && responseItems.has(item.type);
}

/** Item types of the OpenAI Responses API that stand where a message could. */
const responseItems = new Set([
  "message",
  "reasoning",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "web_search_call",
  "file_search_call",
  "code_interpreter_call",
  "computer_call",
  "computer_call_output",
  "image_generation_call",
  "local_shell_call",
  "mcp_call",
  "mcp_list_tools",
  "mcp_approval_request",
  "item_reference",
]);

/** Reads a list of messages or items; neighbouring items of one turn become one message. */
export function readMessages(list: readonly unknown[], answer = false): Message[] {
  const messages: Message[] = [];
  for (const item of list) {
    const read = readMessage(item, answer);
    if (!read) continue;
    const last = messages[messages.length - 1];
    const joins =
      last !== undefined && read.item && last.role === read.message.role && openItems.has(last);
    if (joins) {
      last.parts.push(...read.message.parts);
      continue;
    }
    if (read.item) openItems.add(read.message);
    messages.push(read.message);
  }
  return messages;
}

/** Messages made of Responses items, to which the next item of the turn may be added. */
const openItems = new WeakSet<Message>();

function readMessage(
  value: unknown,
  answer: boolean,
): { message: Message; item: boolean } | null {
  if (typeof value === "string") {
    return { message: message(answer ? "assistant" : "user", readParts(value), answer), item: false };
  }
  if (!isFields(value)) return null;
  if (isFields(value.message)) return readMessage(value.message, answer);
  if (isFields(value.kwargs)) return { message: readLangChain(value, answer), item: false };
  if (typeof value.role !== "string" && typeof value.type === "string") {
    return readItem(value, answer);
  }
  const item = value.type === "message" && Array.isArray(value.content) && typeof value.status === "string";
  return { message: readRoled(value, answer), item };
}

function readRoled(fields: Fields, answer: boolean): Message {
  const role = roleNames[text(fields.role) ?? ""] ?? text(fields.role) ?? "user";
  const parts: Part[] = [];
  const reasoning = firstText(fields, "reasoning_content", "reasoning", "thinking");
  if (reasoning !== null) parts.push({ type: "reasoning", text: reasoning });

  const callId = firstText(fields, "tool_call_id", "toolCallId");
  const toolName = firstText(fields, "tool_name", "name");
  const content = fields.content ?? fields.parts ?? fields.contents;
  if ((role === "tool" || role === "function") && !holdsToolResults(content)) {
    parts.push({
      type: "tool_result",
      callId,
      name: toolName,
      parts: resultParts(content),
      failed: fields.is_error === true || text(fields.status) === "error",
    });
  } else {
    parts.push(...readParts(content));
  }

  if (Array.isArray(fields.images)) {
    for (const image of fields.images as unknown[]) {
      parts.push(...readParts([{ type: "image", data: image }]));
    }
  }
  const refusal = text(fields.refusal);
  if (refusal) parts.push({ type: "refusal", text: refusal });
  if (isFields(fields.audio)) parts.push(...readParts([{ type: "audio", audio: fields.audio }]));
  if (Array.isArray(fields.tool_calls)) {
    for (const call of fields.tool_calls as unknown[]) {
      if (isFields(call)) parts.push(readToolCall(call));
    }
  }
  if (isFields(fields.function_call)) parts.push(readToolCall(fields.function_call));

  // Anthropic sends tool results inside user messages; people read them as the tool speaking.
  const onlyResults = parts.length > 0 && parts.every((part) => part.type === "tool_result");
  return {
    role: onlyResults ? "tool" : role,
    name: role === "tool" || role === "function" ? null : text(fields.name),
    parts,
    cached: isCached(fields),
    answer,
  };
}

const roleNames: Record<string, string> = {
  human: "user",
  ai: "assistant",
  model: "assistant",
  bot: "assistant",
};

function holdsToolResults(content: unknown): boolean {
  return (
    Array.isArray(content) &&
    content.some(
      (item) =>
        isFields(item) &&
        (isFields(item.functionResponse) ||
          (typeof item.type === "string" && /tool.(result|call_response)|tool_response/.test(item.type))),
    )
  );
}

function isCached(fields: Fields): boolean {
  if (isFields(fields.cache_control)) return true;
  const content = fields.content;
  return (
    Array.isArray(content) && content.some((item) => isFields(item) && isFields(item.cache_control))
  );
}

/** One item of the OpenAI Responses API. */
function readItem(fields: Fields, answer: boolean): { message: Message; item: boolean } | null {
  switch (fields.type) {
    case "function_call_output":
    case "custom_tool_call_output":
    case "computer_call_output":
      return { message: message("tool", [readToolResult(fields, 0)], answer), item: true };
    case "reasoning":
    case "function_call":
    case "custom_tool_call": {
      const parts = readParts([fields]);
      return { message: message("assistant", parts, answer), item: true };
    }
    case "item_reference":
      return null;
    default: {
      if (typeof fields.type === "string" && fields.type.endsWith("_call")) {
        const { type, id, ...rest } = fields;
        const call: Part = {
          type: "tool_call",
          id: text(id),
          name: text(fields.name) ?? String(type).slice(0, -"_call".length),
          arguments: rest,
        };
        return { message: message("assistant", [call], answer), item: true };
      }
      const parts = readParts([fields]);
      return { message: message(answer ? "assistant" : "user", parts, answer), item: false };
    }
  }
}

/** A serialised LangChain message: `{id: [.., "HumanMessage"], kwargs: {content}}`. */
function readLangChain(fields: Fields, answer: boolean): Message {
  const kwargs = isFields(fields.kwargs) ? fields.kwargs : {};
  const path = Array.isArray(fields.id) ? (fields.id as unknown[]) : [];
  const name = (text(path[path.length - 1]) ?? text(kwargs.type) ?? "").toLowerCase();
  const role = name.startsWith("ai")
    ? "assistant"
    : name.startsWith("system")
      ? "system"
      : name.startsWith("tool")
        ? "tool"
        : "user";
  return readRoled({ ...kwargs, role }, answer);
}

/** The system prompt of providers that keep it outside the messages. */
export function readSystem(value: unknown): Message[] {
  if (value === null || value === undefined || value === "") return [];
  const content = isFields(value) && Array.isArray(value.parts) ? value.parts : parsed(value);
  const parts = readParts(content);
  if (parts.length === 0) return [];
  return [{ ...message("system", parts), cached: isCached({ content }) }];
}
