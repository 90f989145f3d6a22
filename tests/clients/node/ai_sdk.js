// The Vercel AI SDK with its own telemetry, sent as OTEL_EXPORTER_OTLP_PROTOCOL says: http/protobuf (the default) or
// http/json. AI_SDK_SPANS=legacy takes the spans of its older versions, with attributes `ai.*`.

import { createOpenAI } from "@ai-sdk/openai";
import { LegacyOpenTelemetry, OpenTelemetry } from "@ai-sdk/otel";
import { trace } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { embed, generateObject, generateText, registerTelemetry, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { API, PROVIDER, QUESTION, tell, weather } from "./scenario.js";

const Base = process.env.OTEL_EXPORTER_OTLP_PROTOCOL === "http/json" ? JsonExporter : ProtobufExporter;

// What the exporter complains about, which it does not throw.
const complaints = [];

class Exporter extends Base {
  export(spans, done) {
    super.export(spans, (result) => {
      if (result.error !== undefined) complaints.push({ code: result.error.code, message: result.error.message, data: result.error.data });
      done(result);
    });
  }
}

const sdk = new NodeSDK({
  serviceName: "vercel-ai-service",
  traceExporter: new Exporter({ url: `${API}/v1/traces` }),
  instrumentations: [],
  autoDetectResources: false,
  resource: resourceFromAttributes({ "host.name": "test-host" }),
});
sdk.start();
registerTelemetry(process.env.AI_SDK_SPANS === "legacy" ? new LegacyOpenTelemetry() : new OpenTelemetry());

// generateObject is deprecated, and still what many use.
globalThis.AI_SDK_LOG_WARNINGS = false;

const openai = createOpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: "sk-test" });
const model = openai.chat("gpt-4o-mini");

function telemetry(functionId) {
  return {
    runtimeContext: { sessionId: "session-vercel", userId: "user-7" },
    telemetry: { functionId, includeRuntimeContext: { sessionId: true, userId: true } },
  };
}

const scenes = {
  async text() {
    const answer = await generateText({
      model: openai("gpt-4o-mini"),
      instructions: "You answer in one sentence.",
      prompt: QUESTION,
      ...telemetry("ask"),
    });
    return { text: answer.text, usage: answer.usage };
  },
  async tools() {
    const answer = await generateText({
      model,
      prompt: "What is the weather in Oslo?",
      tools: {
        weather: tool({
          description: "Forecasts the weather of a city",
          inputSchema: z.object({ city: z.string(), days: z.number() }),
          execute: async (asked) => weather(asked),
        }),
      },
      stopWhen: stepCountIs(3),
      ...telemetry("forecast"),
    });
    return { text: answer.text, usage: answer.usage, steps: answer.steps.length };
  },
  async stream() {
    const answer = streamText({ model, prompt: QUESTION, ...telemetry("stream") });
    let text = "";
    for await (const piece of answer.textStream) text += piece;
    return { text, usage: await answer.usage };
  },
  async object() {
    const answer = await generateObject({
      model,
      schema: z.object({ answer: z.string(), score: z.number() }),
      prompt: QUESTION,
      ...telemetry("rate"),
    });
    return { object: answer.object, usage: answer.usage };
  },
  async embedding() {
    const answer = await embed({ model: openai.embedding("text-embedding-3-small"), value: "one text", ...telemetry("embed") });
    return { dimensions: answer.embedding.length, usage: answer.usage };
  },
  async failure() {
    const bad = createOpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: "bad" });
    try {
      await generateText({ model: bad.chat("gpt-4o-mini"), prompt: QUESTION, maxRetries: 0, ...telemetry("fail") });
    } catch (error) {
      return { error: error.name, status: error.statusCode };
    }
    throw new Error("the provider took a bad key");
  },
};

const seen = { complaints };
for (const [name, scene] of Object.entries(scenes)) {
  seen[name] = await trace.getTracer("app").startActiveSpan(`scene-${name}`, async (span) => {
    span.setAttribute("session.id", "session-vercel");
    try {
      return { trace_id: span.spanContext().traceId, ...(await scene()) };
    } finally {
      span.end();
    }
  });
}
// The last spans go out now, and what is said of them is thrown, too.
await sdk.shutdown().catch((error) => {
  if (complaints.length === 0) throw error;
});
tell(seen);
