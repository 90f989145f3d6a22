import { useQuery } from "@tanstack/react-query";
import { Tabs } from "radix-ui";
import { lazy, Suspense, useMemo, type ReactNode } from "react";
import { useAccount } from "../account/account";
import { apiOrigin } from "../api/base";
import { proxyQuery } from "../api/proxy";
import { patiently } from "../lib/patience";
import { CopyButton } from "./CopyButton";

const CloudOnboarding = lazy(() => patiently(() => import("../onboarding/CloudOnboarding")));

/** Lines to copy, and what they are for. */
export interface Snippet {
  id: string;
  name: string;
  note: string;
  code: string;
}

/** The lines that send calls or spans to a server of one's own. */
function localSnippets(api: string, proxyPort: number): readonly Snippet[] {
  const { protocol, hostname } = new URL(api);
  const proxy = `${protocol}//${hostname}:${proxyPort}`;
  return [
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
}

/** The lines to copy to get the first trace. */
export function Snippets({ snippets }: { snippets: readonly Snippet[] }) {
  return (
    <Tabs.Root defaultValue={snippets[0]?.id} className="w-full text-left">
      <Tabs.List aria-label="Ways to send traces" className="flex gap-4 overflow-x-auto border-b border-line">
        {snippets.map(({ id, name }) => (
          <Tabs.Trigger
            key={id}
            value={id}
            className="-mb-px h-8 shrink-0 border-b-2 border-transparent text-muted hover:text-text data-[state=active]:border-accent data-[state=active]:text-text"
          >
            {name}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {snippets.map(({ id, note, code }) => (
        <Tabs.Content key={id} value={id} className="pt-3">
          <p className="mb-2 text-muted">{note}</p>
          <Code text={code} />
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}

/** Lines to copy. */
export function Code({ text, label = "Copy" }: { text: string; label?: string }) {
  return (
    <div className="relative rounded-md border border-line bg-surface">
      <pre className="overflow-x-auto p-3 pr-10 font-mono text-[12px] leading-5">{text}</pre>
      <CopyButton text={text} label={label} className="absolute top-2 right-2" />
    </div>
  );
}

/** What a project without traces shows: how to get the first one, and that it is being waited for. */
export function Onboarding() {
  const account = useAccount();
  if (account.mode === "cloud") {
    return (
      <Suspense>
        <CloudOnboarding account={account} />
      </Suspense>
    );
  }
  return <LocalOnboarding />;
}

function LocalOnboarding() {
  const { data: proxy, isError } = useQuery(proxyQuery);
  const port = proxy?.port ?? (isError ? 3001 : null);
  const snippets = useMemo(() => (port === null ? null : localSnippets(apiOrigin(), port)), [port]);
  return (
    <OnboardingFrame>
      {snippets === null ? <div className="skeleton h-36" /> : <Snippets snippets={snippets} />}
      <Listening />
    </OnboardingFrame>
  );
}

export function OnboardingFrame({ children }: { children: ReactNode }) {
  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto flex min-h-full w-full max-w-[680px] flex-col justify-center gap-5 px-4 py-10">
        <div>
          <h2 className="text-[20px] font-medium">Send your first trace</h2>
          <p className="mt-1 text-muted">
            Every call your application makes appears here while it is still running: prompts, answers, tokens, cost.
          </p>
        </div>
        {children}
      </div>
    </div>
  );
}

/** Says that the first trace is being waited for. */
export function Listening() {
  return (
    <p className="flex items-center gap-2 text-muted">
      <span className="size-2 rounded-full bg-run motion-safe:animate-pulse" />
      Listening for traces…
    </p>
  );
}
