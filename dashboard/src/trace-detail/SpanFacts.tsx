import type { ReactNode } from "react";
import type { Span } from "../api/types";
import { Cost, Count, Duration } from "../components/Figures";
import { formatCost } from "../lib/format";
import type { Conversation } from "./conversation/message";
import { costOf, extentOf } from "./model/span";
import { tokenClasses } from "./model/token-classes";
import { Taken } from "./Taken";

/** The figures of an LLM call: what ran, how it was set, how long it took and what it cost. */
export function SpanFacts({ span, conversation, now }: { span: Span; conversation: Conversation | null; now: number }) {
  const kind = span.kind;
  if (kind.type !== "llm_call") return null;
  const { start, end } = extentOf(span, now);
  const first = firstToken(span);
  const speed = tokensPerSecond(span, end - start, first);
  const served = servedModel(span);
  const finish = conversation?.finishReason;
  const cut = finish === "length" || finish === "max_tokens" || finish === "max_output_tokens";
  const asked = conversation?.parameters.filter((parameter) => parameter.name !== "stream") ?? [];
  return (
    <section aria-label="Facts" className="border-t border-line">
      <dl className="flex flex-wrap gap-x-7 gap-y-3 px-5 py-4">
        <Fact name="Model">
          <span className="font-mono text-[12px]">{kind.model}</span>
          {served !== null && served !== kind.model && (
            <span className="block font-mono text-[11px] text-muted" title="Model named by the answer">
              {served}
            </span>
          )}
        </Fact>
        {kind.provider && <Fact name="Provider">{kind.provider}</Fact>}
        {asked.map((parameter) => (
          <Fact key={parameter.name} name={sentence(parameter.name)}>
            <span className="line-clamp-2 max-w-56 [overflow-wrap:anywhere]">{brief(parameter.value)}</span>
          </Fact>
        ))}
        {finish && (
          <Fact name="Finish reason">
            <span className={cut ? "text-run" : ""}>{finish}</span>
          </Fact>
        )}
        {first !== null && (
          <Fact name="First token">
            <Duration value={first} />
          </Fact>
        )}
        <Fact name="Duration">
          <Taken ms={end - start} running={span.ended_at === null} />
        </Fact>
        {speed !== null && (
          <Fact name="Speed">
            <span className="tabular-nums">{speed < 10 ? speed.toFixed(1) : Math.round(speed)}</span>
            <span className="text-muted"> tok/s</span>
          </Fact>
        )}
        {kind.service_tier && <Fact name="Service tier">{kind.service_tier}</Fact>}
      </dl>
      <TokenTable span={span} />
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-[11px] text-muted">{name}</dt>
      <dd className="mt-0.5 text-[13px]">{children}</dd>
    </div>
  );
}

/** Tokens by class with their prices; a class without a price stays without a cost. */
function TokenTable({ span }: { span: Span }) {
  const rows = tokenClasses(span);
  const total = costOf(span);
  if (rows.length === 0) return null;
  const priced = rows.some((row) => row.price !== null);
  const costs = priced || total !== null;
  const sum = rows.reduce((tokens, row) => tokens + row.tokens, 0);
  return (
    <div className="overflow-x-auto px-5 pb-5">
      <table className="w-full max-w-[520px] text-[13px] tabular-nums">
        <thead>
          <tr className="border-b border-line text-[11px] text-muted">
            <th scope="col" className="py-1.5 text-left font-normal">
              Tokens
            </th>
            <th scope="col" className="py-1.5 text-right font-normal">
              Count
            </th>
            {priced && (
              <th scope="col" className="py-1.5 text-right font-normal whitespace-nowrap">
                per 1 M
              </th>
            )}
            {costs && (
              <th scope="col" className="py-1.5 text-right font-normal">
                Cost
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.class} className="border-b border-line/60">
              <th scope="row" className="py-1.5 text-left font-normal">
                {row.label}
              </th>
              <td className="py-1.5 text-right">{row.tokens.toLocaleString("en-US")}</td>
              {priced && (
                <td className="py-1.5 text-right text-muted">{row.price === null ? "–" : formatCost(row.price)}</td>
              )}
              {costs && (
                <td className="py-1.5 text-right">{row.cost !== null && <Cost value={row.cost} />}</td>
              )}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr className="font-medium">
            <th scope="row" className="py-1.5 text-left font-medium">
              Total
            </th>
            <td className="py-1.5 text-right">
              <Count value={sum} exact />
            </td>
            {priced && <td />}
            {costs && (
              <td className="py-1.5 text-right">
                {total === null ? <span className="font-normal text-muted">no price</span> : <Cost value={total} />}
              </td>
            )}
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

function firstToken(span: Span): number | null {
  const meta = span.metadata.output_meta;
  const kept =
    typeof meta === "object" && meta !== null ? (meta as Record<string, unknown>).ms_to_first_chunk : undefined;
  const said = kept ?? outputField(span, "ms_to_first_chunk") ?? span.attributes?.["ai.response.msToFirstChunk"];
  return typeof said === "number" ? said : null;
}

function tokensPerSecond(span: Span, duration: number, first: number | null): number | null {
  const tokens = span.metadata.output_tokens;
  const time = duration - (first ?? 0);
  if (span.ended_at === null || !tokens || tokens < 2 || time < 20) return null;
  return (tokens / time) * 1_000;
}

function servedModel(span: Span): string | null {
  const model = outputField(span, "model");
  return typeof model === "string" ? model : null;
}

function outputField(span: Span, name: string): unknown {
  const output = span.output;
  return typeof output === "object" && output !== null ? (output as Record<string, unknown>)[name] : undefined;
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function brief(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null) {
    const type = (value as Record<string, unknown>).type;
    return typeof type === "string" ? type : JSON.stringify(value).slice(0, 120);
  }
  return String(value);
}
