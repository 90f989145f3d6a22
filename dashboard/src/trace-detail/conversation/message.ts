/**
 * Who speaks. Providers invent roles, so any word is possible; `input` and `output` are ours, for
 * embeddings, where nobody speaks, and for what is in no known form.
 */
export type Role = string;

/** A piece of a message, in one form for every provider. */
export type Part =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "refusal"; text: string }
  | { type: "image"; source: string | null; mediaType: string | null }
  | { type: "audio"; source: string | null; mediaType: string | null; transcript: string | null }
  | { type: "file"; name: string | null; mediaType: string | null; source: string | null }
  | ToolCall
  | ToolResult
  | { type: "data"; value: unknown };

export interface ToolCall {
  type: "tool_call";
  id: string | null;
  name: string;
  arguments: unknown;
  /** Filled when the answer to the call is part of the same conversation. */
  result?: ToolResult;
}

export interface ToolResult {
  type: "tool_result";
  callId: string | null;
  name: string | null;
  parts: Part[];
  failed: boolean;
  /** The call this answers, when the call itself is shown elsewhere. */
  call?: ToolCall;
}

export interface Message {
  role: Role;
  name: string | null;
  parts: Part[];
  /** Whether the client asked the provider to cache the prompt up to here. */
  cached: boolean;
  /** Whether this is the answer of the call rather than a part of its prompt. */
  answer: boolean;
}

export interface ToolDefinition {
  name: string;
  description: string | null;
  schema: unknown;
}

/** A request setting, such as the temperature. */
export interface Parameter {
  name: string;
  value: unknown;
}

/** What an LLM call said and heard. */
export interface Conversation {
  messages: Message[];
  tools: ToolDefinition[];
  parameters: Parameter[];
  finishReason: string | null;
}
