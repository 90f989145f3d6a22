import { Tabs } from "radix-ui";
import { CopyButton } from "./CopyButton";

const api = location.origin;
const proxy = `${location.protocol}//${location.hostname}:3001`;

const SNIPPETS: readonly { id: string; name: string; note: string; code: string }[] = [
  {
    id: "openai-python",
    name: "OpenAI · Python",
    note: "Change one line: the base URL. Keys and models stay as they are.",
    code: `from openai import OpenAI\n\nclient = OpenAI(base_url="${proxy}/v1")`,
  },
  {
    id: "openai-node",
    name: "OpenAI · Node",
    note: "Change one line: the base URL. Keys and models stay as they are.",
    code: `import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: "${proxy}/v1" });`,
  },
  {
    id: "anthropic",
    name: "Anthropic",
    note: "The same for Anthropic's clients.",
    code: `from anthropic import Anthropic\n\nclient = Anthropic(base_url="${proxy}")`,
  },
  {
    id: "opentelemetry",
    name: "OpenTelemetry",
    note: "GenAI conventions, Vercel AI SDK, OpenInference and OpenLLMetry are understood.",
    code: `export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${api}/v1/traces`,
  },
  {
    id: "curl",
    name: "curl",
    note: "Try it now: this records one call.",
    code: `curl -s ${api}/api/ingest -H 'content-type: application/json' -d '{
  "spans": [{
    "id": "hello-1", "trace_id": "hello", "name": "greet", "status": "completed",
    "kind": { "type": "llm_call", "model": "gpt-4o-mini", "input_tokens": 12, "output_tokens": 5 },
    "input": [{ "role": "user", "content": "Say hello." }],
    "output": { "role": "assistant", "content": "Hello!" }
  }]
}'`,
  },
];

/** The lines to copy to get the first trace. */
export function Snippets() {
  return (
    <Tabs.Root defaultValue={SNIPPETS[0]?.id} className="w-full text-left">
      <Tabs.List aria-label="Ways to send traces" className="flex gap-4 overflow-x-auto border-b border-line">
        {SNIPPETS.map(({ id, name }) => (
          <Tabs.Trigger
            key={id}
            value={id}
            className="-mb-px h-8 shrink-0 border-b-2 border-transparent text-muted hover:text-text data-[state=active]:border-accent data-[state=active]:text-text"
          >
            {name}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {SNIPPETS.map(({ id, note, code }) => (
        <Tabs.Content key={id} value={id} className="pt-3">
          <p className="mb-2 text-muted">{note}</p>
          <div className="relative rounded-md border border-line bg-surface">
            <pre className="overflow-x-auto p-3 pr-10 font-mono text-[12px] leading-5">{code}</pre>
            <CopyButton text={code} label="Copy" className="absolute top-2 right-2" />
          </div>
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}

/** What a project without traces shows: how to get the first one, and that it is being waited for. */
export function Onboarding() {
  return (
    <div className="mx-auto flex w-full max-w-[680px] flex-1 flex-col justify-center gap-5 px-4 py-10">
      <div>
        <h2 className="text-[20px] font-medium">Send your first trace</h2>
        <p className="mt-1 text-muted">
          Every call your application makes appears here while it is still running: prompts, answers, tokens, cost.
        </p>
      </div>
      <Snippets />
      <p className="flex items-center gap-2 text-muted">
        <span className="size-2 rounded-full bg-run motion-safe:animate-pulse" />
        Listening for traces…
      </p>
    </div>
  );
}
