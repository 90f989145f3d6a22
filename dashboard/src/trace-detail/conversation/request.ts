import type { Message, Parameter, ToolDefinition } from "./message";
import { areMessages, message, readMessages, readSystem } from "./messages";
import { firstText, isFields, parsed, readParts, text, type Fields } from "./part";

/** What the prompt of a call holds; null when it is not a conversation in any known form. */
export function readRequest(value: unknown): Message[] | null {
  const input = parsed(value);
  if (typeof input === "string") {
    return input === "" ? null : [message("user", readParts(input))];
  }
  if (Array.isArray(input)) return readList(input);
  if (!isFields(input)) return null;

  const system = [
    ...readSystem(input.system_instructions),
    ...readSystem(input.instructions),
    ...readSystem(input.system),
    ...readSystem(input.systemInstruction ?? input.system_instruction),
  ];
  const turns = input.messages ?? input.contents;
  const said = parsed(turns);
  if (Array.isArray(said)) {
    const list = said.length === 1 && Array.isArray(said[0]) ? (said[0] as unknown[]) : said;
    return [...system, ...readMessages(list)];
  }
  const given = parsed(input.input ?? input.prompt);
  if (typeof given === "string") {
    const parts = readParts(given);
    if (Array.isArray(input.images)) {
      for (const image of input.images as unknown[]) {
        parts.push(...readParts([{ type: "image", data: image }]));
      }
    }
    return [...system, message("user", parts)];
  }
  if (Array.isArray(given)) {
    const list = readList(given);
    return list ? [...system, ...list] : null;
  }
  if (isFields(given)) {
    const inner = readRequest(given);
    return inner ? [...system, ...inner] : null;
  }
  if (typeof input.role === "string") return readMessages([input]);
  return system.length > 0 ? system : null;
}

function readList(list: readonly unknown[]): Message[] | null {
  if (list.length === 0) return null;
  if (areMessages(list)) return readMessages(list);
  if (list.every((item) => typeof item === "string")) {
    return list.map((item) => message("user", readParts(item)));
  }
  if (list.every(isTokens)) {
    return list.map((item) => message("user", [{ type: "data", value: item }]));
  }
  const first = list[0];
  if (list.length === 1 && Array.isArray(first) && areMessages(first as unknown[])) {
    return readMessages(first as unknown[]);
  }
  return null;
}

/** A prompt given as token numbers. */
function isTokens(item: unknown): boolean {
  return Array.isArray(item) && item.length > 0 && item.every((token) => typeof token === "number");
}

/** The tools a call offered to the model. */
export function readTools(input: unknown, attributes: Fields): ToolDefinition[] {
  const opened = parsed(input);
  const given = isFields(opened)
    ? (opened.tools ?? opened.functions)
    : (attributes["gen_ai.tool.definitions"] ?? attributes["ai.prompt.tools"]);
  const list = parsed(given ?? attributes["gen_ai.tool.definitions"] ?? attributes["ai.prompt.tools"]);
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const tool = parsed(entry);
    if (!isFields(tool)) return [];
    if (Array.isArray(tool.functionDeclarations)) {
      return tool.functionDeclarations.filter(isFields).map(definition);
    }
    return [definition(isFields(tool.function) ? tool.function : tool)];
  });
}

function definition(tool: Fields): ToolDefinition {
  return {
    name: firstText(tool, "name", "type") ?? "tool",
    description: text(tool.description),
    schema: tool.parameters ?? tool.input_schema ?? tool.inputSchema ?? null,
  };
}

/** Request settings by the name people know them under, in the order they are shown. */
const settings: readonly [name: string, members: string[], attributes: string[]][] = [
  ["temperature", ["temperature"], ["gen_ai.request.temperature", "ai.settings.temperature"]],
  [
    "max tokens",
    ["max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens", "maxTokens", "num_predict"],
    ["gen_ai.request.max_tokens", "ai.settings.maxOutputTokens", "ai.settings.maxTokens"],
  ],
  ["top p", ["top_p", "topP"], ["gen_ai.request.top_p", "ai.settings.topP"]],
  ["top k", ["top_k", "topK"], ["gen_ai.request.top_k", "ai.settings.topK"]],
  ["reasoning effort", ["reasoning_effort"], ["gen_ai.request.reasoning.level"]],
  ["seed", ["seed"], ["gen_ai.request.seed", "ai.settings.seed"]],
  ["stop", ["stop", "stop_sequences"], ["gen_ai.request.stop_sequences"]],
  ["frequency penalty", ["frequency_penalty"], ["gen_ai.request.frequency_penalty"]],
  ["presence penalty", ["presence_penalty"], ["gen_ai.request.presence_penalty"]],
  ["choices", ["n"], ["gen_ai.request.choice.count"]],
  ["tool choice", ["tool_choice", "toolChoice"], ["ai.prompt.toolChoice"]],
  ["response format", ["response_format", "format"], []],
  ["dimensions", ["dimensions"], []],
  ["service tier", ["service_tier"], ["gen_ai.openai.request.service_tier"]],
  ["stream", ["stream"], []],
];

/** The settings of a call, from its request body and, where that is silent, its attributes. */
export function readParameters(input: unknown, attributes: Fields): Parameter[] {
  const body = parsed(input);
  const invocation = parsed(attributes["llm.invocation_parameters"]);
  const sources: Fields[] = [];
  for (const source of [body, isFields(body) ? (body.options ?? body.generationConfig) : null, invocation]) {
    if (isFields(source)) sources.push(source);
  }
  const reasoning = isFields(body) && isFields(body.reasoning) ? body.reasoning.effort : undefined;
  const thinking = isFields(body) && isFields(body.thinking) ? body.thinking.budget_tokens : undefined;
  const found: Parameter[] = [];
  for (const [name, members, fallbacks] of settings) {
    let value: unknown = name === "reasoning effort" ? reasoning : undefined;
    for (const source of sources) {
      for (const member of members) value ??= source[member];
    }
    for (const attribute of fallbacks) value ??= attributes[attribute];
    if (value !== undefined && value !== null && value !== "") found.push({ name, value });
  }
  if (thinking !== undefined) found.push({ name: "thinking budget", value: thinking });
  return found;
}
