import type { Part, ToolCall, ToolResult } from "./message";

export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** The first member that is a string and not empty. */
export function firstText(fields: Fields, ...names: string[]): string | null {
  for (const name of names) {
    const value = fields[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return null;
}

/** A string that holds a JSON object or array is parsed; anything else is returned as it is. */
export function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Tool results may hold parts that hold tool results; nothing real goes deeper than this. */
const deepest = 4;

/** The content of a message, whatever shape its provider gives it. */
export function readParts(content: unknown, depth = 0): Part[] {
  if (content === null || content === undefined || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (Array.isArray(content)) {
    if (depth > deepest) return [{ type: "data", value: content }];
    return content.flatMap((item) => readPart(item, depth));
  }
  if (isFields(content)) return readPart(content, depth);
  return [{ type: "data", value: content }];
}

function readPart(item: unknown, depth: number): Part[] {
  if (typeof item === "string") return item === "" ? [] : [{ type: "text", text: item }];
  if (!isFields(item)) return [{ type: "data", value: item }];
  if (isFields(item.message_content)) return readPart(item.message_content, depth);
  const type = text(item.type) ?? "";
  switch (type) {
    case "text":
    case "input_text":
    case "output_text":
    case "summary_text": {
      const said = text(item.text) ?? text(item.content);
      return said === null ? [{ type: "data", value: item }] : said === "" ? [] : [{ type: "text", text: said }];
    }
    case "thinking":
    case "redacted_thinking":
    case "reasoning":
    case "reasoning_text":
    case "reasoning-text":
      return readReasoning(item);
    case "refusal":
      return [{ type: "refusal", text: text(item.refusal) ?? text(item.text) ?? "" }];
    case "image_url":
    case "input_image":
    case "image":
      return [readImage(item)];
    case "input_audio":
    case "audio":
      return [readAudio(item)];
    case "file":
    case "input_file":
    case "document":
    case "media":
    case "blob":
    case "uri":
      return [readFile(item)];
    case "tool_use":
    case "server_tool_use":
    case "mcp_tool_use":
    case "tool-call":
    case "tool_call":
    case "function_call":
    case "custom_tool_call":
      return [readToolCall(item)];
    case "tool_result":
    case "mcp_tool_result":
    case "web_search_tool_result":
    case "code_execution_tool_result":
    case "tool-result":
    case "tool_call_response":
    case "tool_response":
    case "function_call_output":
    case "custom_tool_call_output":
      return [readToolResult(item, depth)];
    default:
      return readUntyped(item, depth);
  }
}

/** Parts without a type of their own: Gemini's, and plain `{text}`. */
function readUntyped(item: Fields, depth: number): Part[] {
  if (isFields(item.functionCall)) {
    const call = item.functionCall;
    return [
      {
        type: "tool_call",
        id: text(call.id),
        name: text(call.name) ?? "function",
        arguments: call.args ?? {},
      },
    ];
  }
  if (isFields(item.functionResponse)) {
    const answer = item.functionResponse;
    return [
      {
        type: "tool_result",
        callId: text(answer.id),
        name: text(answer.name),
        parts: resultParts(answer.response, depth),
        failed: false,
      },
    ];
  }
  const inline = item.inlineData ?? item.inline_data;
  if (isFields(inline)) {
    return [
      media(
        text(inline.mimeType) ?? text(inline.mime_type),
        dataUrl(inline.data, text(inline.mimeType) ?? text(inline.mime_type)),
        null,
      ),
    ];
  }
  const said = text(item.text);
  if (said !== null && (item.type === undefined || Object.keys(item).length <= 2)) {
    if (item.thought === true) return [{ type: "reasoning", text: said }];
    return said === "" ? [] : [{ type: "text", text: said }];
  }
  return [{ type: "data", value: item }];
}

function readReasoning(item: Fields): Part[] {
  const direct = firstText(item, "thinking", "text", "content", "reasoning");
  if (direct !== null) return [{ type: "reasoning", text: direct }];
  const pieces = [item.summary, item.content]
    .flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
    .map((piece) => (isFields(piece) ? (text(piece.text) ?? "") : (text(piece) ?? "")))
    .filter(Boolean);
  return pieces.length > 0 ? [{ type: "reasoning", text: pieces.join("\n\n") }] : [];
}

export function readToolCall(item: Fields): ToolCall {
  const inner = isFields(item.tool_call) ? item.tool_call : item;
  const target = isFields(inner.function) ? inner.function : inner;
  return {
    type: "tool_call",
    id: firstText(inner, "call_id", "toolCallId", "tool_call_id", "id"),
    name: firstText(target, "name", "toolName", "tool_name") ?? "tool",
    arguments: parsed(target.arguments ?? target.args ?? target.input ?? target.parameters ?? {}),
  };
}

export function readToolResult(item: Fields, depth: number): ToolResult {
  const value = item.content ?? item.output ?? item.result ?? item.response;
  const typed = isFields(value) && typeof value.type === "string" && "value" in value;
  const failedType = typed && String(value.type).startsWith("error");
  return {
    type: "tool_result",
    callId: firstText(item, "call_id", "tool_use_id", "toolCallId", "tool_call_id", "id"),
    name: firstText(item, "toolName", "tool_name", "name"),
    parts: resultParts(typed ? value.value : value, depth),
    failed: item.is_error === true || item.isError === true || failedType,
  };
}

/** What a tool answered: text and images as such, anything else as data. */
export function resultParts(value: unknown, depth = 0): Part[] {
  if (value === null || value === undefined || value === "") return [];
  const opened = parsed(value);
  if (typeof opened === "string") return [{ type: "text", text: opened }];
  if (depth <= deepest && Array.isArray(opened)) {
    const looksLikeContent =
      opened.length > 0 &&
      opened.every((item) => isFields(item) && typeof item.type === "string" && knownContent.has(item.type));
    if (looksLikeContent) return readParts(opened, depth + 1);
  }
  return [{ type: "data", value: opened }];
}

const knownContent = new Set(["text", "image", "image_url", "input_text", "output_text", "document", "media"]);

function readImage(item: Fields): Part {
  const nested = item.image_url ?? item.image ?? item.url ?? item.source ?? item.data ?? item.content;
  const named = firstText(item, "mediaType", "mimeType", "media_type", "mime_type");
  return { type: "image", ...sourceOf(nested, named ?? "image/png") };
}

function readAudio(item: Fields): Part {
  const inner = isFields(item.input_audio) ? item.input_audio : isFields(item.audio) ? item.audio : item;
  const format = firstText(inner, "format");
  const mediaType = firstText(inner, "mediaType", "media_type", "mime_type") ?? `audio/${format ?? "wav"}`;
  return {
    type: "audio",
    source: dataUrl(inner.data, mediaType),
    mediaType,
    transcript: text(inner.transcript),
  };
}

function readFile(item: Fields): Part {
  const inner = isFields(item.file) ? item.file : item;
  const named = firstText(inner, "mediaType", "mimeType", "media_type", "mime_type");
  const content =
    inner.source ?? inner.file_data ?? inner.data ?? inner.url ?? inner.uri ?? inner.file_url ?? inner.content;
  const { source, mediaType } = sourceOf(content, named);
  const name = firstText(inner, "filename", "title", "name", "file_id");
  if (text(item.modality) === "image") return { type: "image", source, mediaType };
  return media(mediaType, source, name);
}

function media(mediaType: string | null, source: string | null, name: string | null): Part {
  if (mediaType?.startsWith("image/")) return { type: "image", source, mediaType };
  if (mediaType?.startsWith("audio/")) return { type: "audio", source, mediaType, transcript: null };
  return { type: "file", name, mediaType, source };
}

/** An address the browser can show, out of a URL, a data URL, bare base64 or a source object. */
function sourceOf(
  value: unknown,
  named: string | null,
): { source: string | null; mediaType: string | null } {
  if (isFields(value)) {
    const mediaType = firstText(value, "media_type", "mediaType", "mimeType") ?? named;
    if (text(value.type) === "text") return { source: null, mediaType };
    return sourceOf(value.url ?? value.data ?? value.image_url ?? null, mediaType);
  }
  const address = text(value);
  if (!address) return { source: null, mediaType: named };
  const data = /^data:([^;,]+)[;,]/i.exec(address);
  if (data) return { source: address, mediaType: data[1] ?? named };
  if (/^https?:\/\//i.test(address)) return { source: address, mediaType: named };
  return { source: dataUrl(address, named), mediaType: named };
}

function dataUrl(data: unknown, mediaType: string | null): string | null {
  const bytes = text(data);
  if (!bytes) return null;
  if (bytes.startsWith("data:") || /^https?:\/\//i.test(bytes)) return bytes;
  if (!/^[A-Za-z0-9+/_=\s-]+$/.test(bytes.slice(0, 200))) return null;
  return `data:${mediaType ?? "application/octet-stream"};base64,${bytes}`;
}
