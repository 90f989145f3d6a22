// The OpenAI client as it comes: only the environment says where it calls.

import OpenAI from "openai";

import { QUESTION, WEATHER_PARAMETERS, tell, weather } from "./scenario.js";

const client = new OpenAI();
const user = (content) => [{ role: "user", content }];
const forecast = { name: "weather", description: "Forecasts the weather of a city", parameters: WEATHER_PARAMETERS };

const scenes = {
  async chat() {
    const answer = await client.chat.completions.create({ model: "gpt-4o-mini", messages: user(QUESTION) });
    return { text: answer.choices[0].message.content, usage: answer.usage };
  },

  async stream() {
    const seen = { text: "", usage: null };
    const chunks = await client.chat.completions.create({
      model: "gpt-4o-mini",
      messages: user(QUESTION),
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of chunks) {
      seen.text += chunk.choices[0]?.delta.content ?? "";
      seen.usage = chunk.usage ?? seen.usage;
    }
    return seen;
  },

  // The client's own loop: it streams, calls the tool and asks again.
  async tools() {
    const calls = [];
    const runner = client.chat.completions.runTools({
      model: "gpt-4o",
      messages: user("What is the weather in Oslo?"),
      stream: true,
      stream_options: { include_usage: true },
      tools: [{ type: "function", function: { ...forecast, parse: JSON.parse, function: (asked) => JSON.stringify(weather(asked)) } }],
    });
    runner.on("functionToolCall", (call) => calls.push(call));
    const text = await runner.finalContent();
    return { calls, text, usage: await runner.totalUsage() };
  },

  async responses() {
    const answer = await client.responses.create({ model: "gpt-4o-mini", instructions: "Be brief.", input: QUESTION });
    return { text: answer.output_text, usage: answer.usage };
  },

  async responses_stream() {
    const stream = client.responses.stream({ model: "gpt-4o-mini", input: QUESTION });
    const events = new Set();
    for await (const event of stream) events.add(event.type);
    const answer = await stream.finalResponse();
    return { text: answer.output_text, events: [...events], usage: answer.usage };
  },

  async embeddings() {
    const input = ["one text", "another text"];
    const answer = await client.embeddings.create({ model: "text-embedding-3-small", input });
    return { dimensions: answer.data.map((item) => item.embedding.length), usage: answer.usage };
  },

  async errors() {
    const errors = [];
    for (const [apiKey, switches] of [["bad", ""], ["sk-test", "status=429"], ["sk-test", "status=500"]]) {
      try {
        await client
          .withOptions({ apiKey, maxRetries: 0 })
          .chat.completions.create({ model: "gpt-4o-mini", messages: user(QUESTION) }, { headers: { "x-emulator": switches } });
      } catch (error) {
        errors.push({ error: error.constructor.name, status: error.status, message: error.error.message });
      }
    }
    return { errors };
  },

  // Plainly and streaming, where the server itself refuses. Of the answer this client shows the text alone.
  async refused() {
    const errors = [];
    for (const stream of [false, true]) {
      try {
        await client.chat.completions.create({ model: "gpt-4o-mini", messages: user(QUESTION), stream });
      } catch (error) {
        errors.push({ error: error.constructor.name, status: error.status, answer: error.error });
      }
    }
    return { errors };
  },

  async cancel() {
    let text = "";
    const stream = await client.chat.completions.create(
      { model: "gpt-4o-mini", messages: user(QUESTION), stream: true },
      { headers: { "x-emulator": "chunk_delay=100" } },
    );
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (text.split(" ").length > 3) break;
    }
    return { text };
  },
};

tell(await scenes[process.argv[2]]());
