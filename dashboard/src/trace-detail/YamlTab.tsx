import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api } from "../api/client";
import { spanPath, spanQuery } from "../api/trace";
import type { Span } from "../api/types";
import { explain } from "../api/wording";
import { Button } from "../components/Button";
import { CopyButton } from "../components/CopyButton";
import { Empty, NoPayload } from "./Empty";
import { TextLines } from "./json/TextLines";
import { useHighlighted } from "./markdown/useHighlighted";
import "./markdown/markdown.css";

/** Longer spans are not written as YAML, since that would stall the page. */
const longest = 1_000_000;

/** Input and output as YAML, made of the text the API sends, in which numbers still have all their digits. */
export function YamlTab({ span, waiting }: { span: Span; waiting: ReactNode }) {
  const query = useQuery({
    queryKey: [...spanQuery(span.trace_id, span.id).queryKey, "yaml"],
    queryFn: async ({ signal }) => {
      const path = spanPath(span.trace_id, span.id);
      const [json, { yamlOf }] = await Promise.all([api.text(path, { signal }), import("./json/yaml")]);
      return json.length > longest ? "too long" : { yaml: yamlOf(json, ["input", "output"]) };
    },
    staleTime: 30_000,
  });
  if (query.isPending) return waiting;
  if (query.isError) {
    return (
      <Empty title="The YAML cannot be shown" action={<Button onClick={() => void query.refetch()}>Try again</Button>}>
        {explain(query.error)}
      </Empty>
    );
  }
  if (query.data === "too long") {
    return <Empty title="Too long for YAML">The JSON tab shows all of the input and output, whatever their length.</Empty>;
  }
  if (query.data.yaml === null) return <NoPayload />;
  return <Yaml text={query.data.yaml} />;
}

function Yaml({ text }: { text: string }) {
  const html = useHighlighted(text, "yaml");
  return (
    <div className="flex h-full min-h-0 min-w-0 flex-col">
      <div className="flex h-8 shrink-0 items-center gap-1 border-b border-line px-2">
        <span className="mr-auto text-[11px] font-medium text-muted">Input and output</span>
        <CopyButton text={text} label="Copy input and output as YAML" />
      </div>
      <div className="min-h-0 flex-1">
        {html === null ? (
          <TextLines text={text} label="Input and output as YAML" />
        ) : (
          <pre
            role="group"
            tabIndex={0}
            aria-label="Input and output as YAML"
            className="h-full overflow-auto px-4 py-2 font-mono text-[12px] leading-5 whitespace-pre-wrap [overflow-wrap:anywhere]"
          >
            <code dangerouslySetInnerHTML={{ __html: html }} />
          </pre>
        )}
      </div>
    </div>
  );
}
