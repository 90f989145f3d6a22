import { describe, expect, it } from "vitest";
import { readConversation, withResults } from "./conversation";
import type { Message, Part } from "./message";

function read(input: unknown, output: unknown, attributes: Record<string, unknown> = {}) {
  const conversation = readConversation({ input, output, attributes });
  if (!conversation) throw new Error("not a conversation");
  return conversation;
}

/** `role: text` per part, short enough to compare at a glance. */
function outline(messages: readonly Message[]): string[] {
  return messages.flatMap((message) => message.parts.map((part) => `${message.role} ${brief(part)}`));
}

function brief(part: Part): string {
  switch (part.type) {
    case "text":
      return part.text;
    case "reasoning":
      return `(${part.text})`;
    case "tool_call":
      return `${part.name}#${part.id}${JSON.stringify(part.arguments)}${
        part.result ? ` → ${part.result.parts.map(brief).join(",")}` : ""
      }`;
    case "tool_result":
      return `result#${part.callId} ${part.parts.map(brief).join(",")}`;
    case "image":
    case "file":
      return `[${part.type} ${part.mediaType} ${part.source?.slice(0, 26)}]`;
    case "data":
      return JSON.stringify(part.value);
    default:
      return `[${part.type}]`;
  }
}

describe("OpenAI chat", () => {
  const input = {
    model: "gpt-4o",
    temperature: 0.2,
    max_completion_tokens: 400,
    messages: [
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "What is this?" },
          { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
          { type: "input_audio", input_audio: { data: "UklGRg==", format: "mp3" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "c1", type: "function", function: { name: "look", arguments: '{"at":"sky"}' } },
        ],
      },
      { role: "tool", tool_call_id: "c1", content: '{"seen":"moon"}' },
    ],
    tools: [{ type: "function", function: { name: "look", description: "Looks.", parameters: {} } }],
  };
  const output = {
    choices: [{ index: 0, message: { role: "assistant", content: "The moon." }, finish_reason: "stop" }],
  };

  it("reads messages, media, tool calls, tools and settings", () => {
    const conversation = read(input, output);
    expect(outline(conversation.messages)).toEqual([
      "system Be brief.",
      "user What is this?",
      "user [image image/png data:image/png;base64,iVBO]",
      "user [audio]",
      'assistant look#c1{"at":"sky"}',
      'tool result#c1 {"seen":"moon"}',
      "assistant The moon.",
    ]);
    expect(conversation.tools).toEqual([{ name: "look", description: "Looks.", schema: {} }]);
    expect(conversation.parameters).toEqual([
      { name: "temperature", value: 0.2 },
      { name: "max tokens", value: 400 },
    ]);
    expect(conversation.finishReason).toBe("stop");
    expect(conversation.messages.map((message) => message.answer)).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  it("puts a result under its call and drops the empty tool message", () => {
    const paired = withResults(read(input, output).messages);
    expect(outline(paired)).toContain('assistant look#c1{"at":"sky"} → {"seen":"moon"}');
    expect(paired.some((message) => message.role === "tool")).toBe(false);
  });

  it("names the call of a result whose call is shown elsewhere", () => {
    const { messages } = read(input, output);
    const [result] = withResults(messages.slice(3, 4), messages.slice(0, 3));
    const part = result?.parts[0];
    expect(part?.type === "tool_result" && part.call?.name).toBe("look");
  });

  it("reads every choice, refusals and broken arguments", () => {
    const { messages } = read("Hi", {
      choices: [
        { message: { role: "assistant", content: null, refusal: "No." } },
        {
          message: {
            role: "assistant",
            tool_calls: [{ id: "x", function: { name: "f", arguments: '{"cut' } }],
          },
        },
      ],
    });
    expect(outline(messages)).toEqual(["user Hi", "assistant [refusal]", 'assistant f#x"{\\"cut"']);
  });
});

describe("OpenAI Responses", () => {
  it("reads instructions, items and reasoning, one message per turn", () => {
    const conversation = read(
      {
        instructions: "Be exact.",
        reasoning: { effort: "high" },
        input: [
          { role: "user", content: [{ type: "input_text", text: "Weather?" }, { type: "input_image", image_url: "https://x.test/a.png" }] },
          { type: "reasoning", id: "rs", summary: [{ type: "summary_text", text: "Look it up" }] },
          { type: "function_call", call_id: "c1", name: "weather", arguments: '{"city":"Oslo"}' },
          { type: "function_call_output", call_id: "c1", output: "rain" },
        ],
      },
      {
        status: "completed",
        output: [
          { type: "reasoning", summary: [{ type: "summary_text", text: "Easy" }] },
          { type: "message", role: "assistant", status: "completed", content: [{ type: "output_text", text: "Rain." }] },
          { type: "web_search_call", id: "w", status: "completed", action: { query: "x" } },
        ],
      },
    );
    expect(outline(withResults(conversation.messages))).toEqual([
      "system Be exact.",
      "user Weather?",
      "user [image image/png https://x.test/a.png]",
      "assistant (Look it up)",
      'assistant weather#c1{"city":"Oslo"} → rain',
      "assistant (Easy)",
      "assistant Rain.",
      'assistant web_search#w{"status":"completed","action":{"query":"x"}}',
    ]);
    expect(conversation.messages).toHaveLength(5);
    expect(conversation.parameters).toEqual([{ name: "reasoning effort", value: "high" }]);
  });

  it("reads a plain string input and why an answer is incomplete", () => {
    const conversation = read(
      { input: "Hi" },
      { status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, output: [] },
    );
    expect(outline(conversation.messages)).toEqual(["user Hi"]);
    expect(conversation.finishReason).toBe("max_output_tokens");
  });
});

describe("other OpenAI endpoints", () => {
  it("reads legacy completions", () => {
    const conversation = read({ prompt: "Once" }, { choices: [{ text: " upon", finish_reason: "length" }] });
    expect(outline(conversation.messages)).toEqual(["user Once", "assistant  upon"]);
  });

  it("reads embeddings as texts and the shape of the vectors", () => {
    const conversation = read(
      { input: ["one", "two"], dimensions: 3 },
      { data: [{ embedding: [1, 2, 3] }, { embedding: [1, 2, 3] }] },
    );
    expect(outline(conversation.messages)).toEqual([
      "input one",
      "input two",
      "output 2 vectors of 3 numbers",
    ]);
  });
});

describe("Anthropic", () => {
  it("reads system blocks, tool use, results, thinking, images and caching", () => {
    const conversation = read(
      {
        max_tokens: 1024,
        system: [{ type: "text", text: "You help.", cache_control: { type: "ephemeral" } }],
        tools: [{ name: "sum", input_schema: { type: "object" } }],
        messages: [
          {
            role: "user",
            content: [
              { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "/9j/4AAQ" } },
              { type: "text", text: "Add." },
            ],
          },
          { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "sum", input: { a: 1 } }] },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "t1", is_error: true, content: [{ type: "text", text: "too small" }] },
            ],
          },
        ],
      },
      {
        type: "message",
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm", signature: "s" },
          { type: "text", text: "One." },
        ],
        stop_reason: "end_turn",
      },
    );
    expect(outline(conversation.messages)).toEqual([
      "system You help.",
      "user [image image/jpeg data:image/jpeg;base64,/9j]",
      "user Add.",
      'assistant sum#t1{"a":1}',
      "tool result#t1 too small",
      "assistant (Hm)",
      "assistant One.",
    ]);
    expect(conversation.messages[0]?.cached).toBe(true);
    const result = conversation.messages[3]?.parts[0];
    expect(result?.type === "tool_result" && result.failed).toBe(true);
    expect(conversation.finishReason).toBe("end_turn");
  });
});

describe("Ollama", () => {
  it("reads chat with tool calls without ids", () => {
    const conversation = read(
      {
        options: { temperature: 0, num_predict: 64 },
        messages: [
          { role: "user", content: "Time?", images: ["iVBORw0KGgo="] },
          { role: "assistant", content: "", tool_calls: [{ function: { name: "clock", arguments: { zone: "UTC" } } }] },
          { role: "tool", tool_name: "clock", content: "12:00" },
        ],
      },
      { message: { role: "assistant", content: "Noon", thinking: "easy" }, done: true, done_reason: "stop" },
    );
    expect(outline(withResults(conversation.messages))).toEqual([
      "user Time?",
      "user [image image/png data:image/png;base64,iVBO]",
      'assistant clock#null{"zone":"UTC"} → 12:00',
      "assistant (easy)",
      "assistant Noon",
    ]);
    expect(conversation.parameters).toEqual([
      { name: "temperature", value: 0 },
      { name: "max tokens", value: 64 },
    ]);
  });

  it("reads generate", () => {
    const conversation = read(
      { model: "llama3", system: "S", prompt: "P" },
      { model: "llama3", response: "R", done: true, done_reason: "stop" },
    );
    expect(outline(conversation.messages)).toEqual(["system S", "user P", "assistant R"]);
  });
});

describe("telemetry conventions", () => {
  it("reads the Vercel AI SDK", () => {
    const conversation = read(
      {
        messages: [
          { role: "user", content: [{ type: "text", text: "Hi" }, { type: "file", data: "JVBERi0=", mediaType: "application/pdf", filename: "a.pdf" }] },
          { role: "assistant", content: [{ type: "tool-call", toolCallId: "c", toolName: "find", input: { q: 1 } }] },
          { role: "tool", content: [{ type: "tool-result", toolCallId: "c", toolName: "find", output: { type: "json", value: { n: 2 } } }] },
        ],
      },
      {
        text: "Done",
        object: { ok: true },
        tool_calls: [{ toolCallId: "d", toolName: "save", input: '{"x":1}' }],
        finish_reason: "tool-calls",
      },
      { "ai.settings.temperature": 0.5 },
    );
    expect(outline(withResults(conversation.messages))).toEqual([
      "user Hi",
      "user [file application/pdf data:application/pdf;base6]",
      'assistant find#c{"q":1} → {"n":2}',
      "assistant Done",
      'assistant {"ok":true}',
      'assistant save#d{"x":1}',
    ]);
    expect(conversation.parameters).toEqual([{ name: "temperature", value: 0.5 }]);
    expect(conversation.finishReason).toBe("tool-calls");
  });

  it("reads GenAI messages", () => {
    const conversation = read(
      [
        { role: "system", parts: [{ type: "text", content: "S" }] },
        { role: "user", parts: [{ type: "text", content: "Q" }] },
        { role: "assistant", parts: [{ type: "tool_call", id: "c", name: "f", arguments: { a: 1 } }] },
        { role: "tool", parts: [{ type: "tool_call_response", id: "c", response: "42" }] },
      ],
      [{ role: "assistant", parts: [{ type: "text", content: "A" }], finish_reason: "stop" }],
    );
    expect(outline(withResults(conversation.messages))).toEqual([
      "system S",
      "user Q",
      'assistant f#c{"a":1} → 42',
      "assistant A",
    ]);
    expect(conversation.finishReason).toBe("stop");
  });

  it("reads OpenInference messages, wrapped or plain", () => {
    const conversation = read(
      [
        { message: { role: "user", contents: [{ message_content: { type: "text", text: "Q" } }] } },
        {
          message: {
            role: "assistant",
            tool_calls: [{ tool_call: { id: "c", function: { name: "f", arguments: "{}" } } }],
          },
        },
      ],
      [{ message: { role: "assistant", content: "A" } }],
    );
    expect(outline(conversation.messages)).toEqual(["user Q", "assistant f#c{}", "assistant A"]);
  });

  it("reads Gemini contents and LangChain messages", () => {
    const gemini = read(
      { systemInstruction: { parts: [{ text: "S" }] }, contents: [{ role: "user", parts: [{ text: "Q" }] }] },
      { candidates: [{ content: { parts: [{ functionCall: { name: "f", args: {} } }] }, finishReason: "STOP" }] },
    );
    expect(outline(gemini.messages)).toEqual(["system S", "user Q", "assistant f#null{}"]);
    const chain = read({ messages: [[{ id: ["langchain", "HumanMessage"], kwargs: { content: "Q" } }]] }, "A");
    expect(outline(chain.messages)).toEqual(["user Q", "assistant A"]);
  });

  it("reads plain strings on both sides", () => {
    expect(outline(read("Q", "A").messages)).toEqual(["user Q", "assistant A"]);
  });
});

describe("a side in no known form", () => {
  it("is shown as data beside the other", () => {
    const asked = read({ i: 30 }, "ok").messages;
    expect(asked.map(({ role, answer }) => [role, answer])).toEqual([["input", false], ["assistant", true]]);
    expect(asked[0]?.parts).toEqual([{ type: "data", value: { i: 30 } }]);
    const said = read("Q", '{"error":{"message":"x"}}').messages;
    expect(said.map(({ role, answer }) => [role, answer])).toEqual([["user", false], ["output", true]]);
    expect(said[1]?.parts).toEqual([{ type: "data", value: { error: { message: "x" } } }]);
    expect(read("Q", { choices: [], error: "x" }).messages[1]?.role).toBe("output");
    expect(read("Q", null).messages).toHaveLength(1);
  });

  it("is an input where nobody speaks", () => {
    const conversation = readConversation({ input: "Q", output: [1, 2, 3], speechless: true });
    expect(conversation?.messages.map(({ role }) => role)).toEqual(["input", "output"]);
  });
});

describe("what is no conversation", () => {
  it("is left to the JSON view", () => {
    expect(readConversation({ input: { rows: [1, 2] }, output: { error: { message: "x" } } })).toBeNull();
    expect(readConversation({ input: [{ a: 1 }], output: 7 })).toBeNull();
    expect(readConversation({})).toBeNull();
  });

  it("survives nesting without end", () => {
    let content: unknown = "core";
    for (let level = 0; level < 5_000; level++) {
      content = [{ type: "tool_result", tool_use_id: "t", content }];
    }
    expect(read({ messages: [{ role: "user", content }] }, null).messages).toHaveLength(1);
  });
});
