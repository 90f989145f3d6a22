import type { Snippet } from "../components/Snippets";

/** The variables an application needs. */
export function environment(origin: string, key: string): string {
  return `TRACEWAY_URL=${origin}\nTRACEWAY_API_KEY=${key}`;
}

/** The lines that send calls or spans to a server that asks for a key. */
export function cloudSnippets(origin: string, key: string | null): readonly Snippet[] {
  const proxy = `${origin}/proxy`;
  const bearer = key ?? "$TRACEWAY_API_KEY";
  return [
    {
      id: "openai-python",
      name: "OpenAI · Python",
      note: "Calls go through the recording proxy. Provider keys and models stay as they are.",
      code: `import os
from openai import OpenAI

client = OpenAI(
    base_url="${proxy}/v1",
    default_headers={"X-Traceway-Api-Key": os.environ["TRACEWAY_API_KEY"]},
)`,
    },
    {
      id: "openai-node",
      name: "OpenAI · Node",
      note: "Calls go through the recording proxy. Provider keys and models stay as they are.",
      code: `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "${proxy}/v1",
  defaultHeaders: { "X-Traceway-Api-Key": process.env.TRACEWAY_API_KEY },
});`,
    },
    {
      id: "anthropic",
      name: "Anthropic",
      note: "The same for Anthropic's clients.",
      code: `import os
from anthropic import Anthropic

client = Anthropic(
    base_url="${proxy}",
    default_headers={"X-Traceway-Api-Key": os.environ["TRACEWAY_API_KEY"]},
)`,
    },
    {
      id: "opentelemetry",
      name: "OpenTelemetry",
      note: "GenAI conventions, Vercel AI SDK, OpenInference and OpenLLMetry are understood.",
      code: `export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${origin}/v1/traces
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20$TRACEWAY_API_KEY"`,
    },
    {
      id: "curl",
      name: "curl",
      note: "Try it now: this records one call.",
      code: `curl -s ${origin}/api/ingest -H "authorization: Bearer ${bearer}" -H 'content-type: application/json' -d '{
  "spans": [{
    "id": "hello-1", "trace_id": "hello", "name": "greet", "status": "completed",
    "kind": { "type": "llm_call", "model": "gpt-4o-mini", "input_tokens": 12, "output_tokens": 5 },
    "input": [{ "role": "user", "content": "Say hello." }],
    "output": { "role": "assistant", "content": "Hello!" }
  }]
}'`,
    },
  ];
}
