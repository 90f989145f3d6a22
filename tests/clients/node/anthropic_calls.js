// The Anthropic client as it comes: only the environment says where it calls.

import Anthropic from "@anthropic-ai/sdk";

import { QUESTION, WEATHER_PARAMETERS, tell, weather } from "./scenario.js";

const client = new Anthropic();
const model = "claude-sonnet-4-6";

// Long enough that a provider would cache it.
const MANUAL = [{ type: "text", text: "Read the manual. ".repeat(200), cache_control: { type: "ephemeral" } }];

const scenes = {
  async message() {
    const answer = await client.messages.create({
      model,
      max_tokens: 500,
      system: "You answer in one sentence.",
      messages: [{ role: "user", content: QUESTION }],
    });
    return { text: answer.content[0].text, usage: answer.usage, id: answer.id };
  },

  async stream_tools() {
    const messages = [{ role: "user", content: "What is the weather in Oslo?" }];
    const seen = { usage: [], calls: [] };
    for (let turn = 0; turn < 2; turn += 1) {
      const stream = client.messages.stream({
        model,
        max_tokens: 2000,
        thinking: { type: "enabled", budget_tokens: 1024 },
        system: MANUAL,
        tools: [{ name: "weather", description: "Forecasts the weather of a city", input_schema: WEATHER_PARAMETERS }],
        messages,
      });
      const answer = await stream.finalMessage();
      seen.usage.push(answer.usage);
      messages.push({ role: "assistant", content: answer.content });
      const calls = answer.content.filter((block) => block.type === "tool_use");
      seen.calls.push(...calls);
      seen.text = answer.content.filter((block) => block.type === "text").map((block) => block.text).join("");
      seen.thinking = answer.content.filter((block) => block.type === "thinking").map((block) => block.thinking).join("");
      const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: JSON.stringify(weather(call.input)) }));
      messages.push({ role: "user", content: results });
    }
    return seen;
  },

  async errors() {
    const errors = [];
    for (const [apiKey, switches] of [["bad", ""], ["sk-test", "status=429"], ["sk-test", "status=529"]]) {
      try {
        await client
          .withOptions({ apiKey, maxRetries: 0 })
          .messages.create({ model, max_tokens: 5, messages: [{ role: "user", content: QUESTION }] }, { headers: { "x-emulator": switches } });
      } catch (error) {
        errors.push({ error: error.constructor.name, status: error.status, message: error.error.error.message });
      }
    }
    return { errors };
  },

  // Plainly and streaming, where the server itself refuses.
  async refused() {
    const errors = [];
    for (const stream of [false, true]) {
      try {
        await client.messages.create({ model, max_tokens: 5, messages: [{ role: "user", content: QUESTION }], stream });
      } catch (error) {
        errors.push({ error: error.constructor.name, status: error.status, answer: error.error });
      }
    }
    return { errors };
  },
};

tell(await scenes[process.argv[2]]());
