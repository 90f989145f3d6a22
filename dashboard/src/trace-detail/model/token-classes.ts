import type { Span } from "../../api/types";

/** A class of tokens that has a price of its own. */
export type TokenClass =
  | "input"
  | "cached_input"
  | "cache_write"
  | "cache_write_1h"
  | "audio_input"
  | "output"
  | "reasoning"
  | "audio_output";

export interface TokenClassRow {
  class: TokenClass;
  label: string;
  side: "input" | "output";
  tokens: number;
  /** USD per million tokens, when the API knows the price. */
  price: number | null;
  cost: number | null;
}

const order: readonly [TokenClass, string, "input" | "output"][] = [
  ["input", "Input", "input"],
  ["cached_input", "Cache read", "input"],
  ["cache_write", "Cache write", "input"],
  ["cache_write_1h", "Cache write, 1 h", "input"],
  ["audio_input", "Audio in", "input"],
  ["output", "Output", "output"],
  ["reasoning", "Reasoning", "output"],
  ["audio_output", "Audio out", "output"],
];

/**
 * The tokens of an LLM call by class, each token in exactly one class.
 *
 * The priced breakdown of the API wins; without it the counts of the span are split, with the
 * special classes taken out of the plain ones.
 */
export function tokenClasses(span: Span): TokenClassRow[] {
  const priced = pricedBreakdown(span.metadata.cost_breakdown);
  const counts = countsOf(span);
  return order.flatMap(([name, label, side]) => {
    const entry = priced.get(name);
    const tokens = entry?.tokens ?? (priced.size > 0 ? 0 : (counts[name] ?? 0));
    if (tokens <= 0) return [];
    return [
      { class: name, label, side, tokens, price: entry?.price ?? null, cost: entry?.cost ?? null },
    ];
  });
}

function pricedBreakdown(
  value: unknown,
): Map<string, { tokens: number; price: number | null; cost: number | null }> {
  const entries = new Map<string, { tokens: number; price: number | null; cost: number | null }>();
  if (!Array.isArray(value)) return entries;
  for (const entry of value as unknown[]) {
    if (typeof entry !== "object" || entry === null) continue;
    const row = entry as Record<string, unknown>;
    if (typeof row.class !== "string" || typeof row.tokens !== "number") continue;
    entries.set(row.class, {
      tokens: row.tokens,
      price: typeof row.price_per_million === "number" ? row.price_per_million : null,
      cost: typeof row.cost === "number" ? row.cost : null,
    });
  }
  return entries;
}

function countsOf(span: Span): Partial<Record<TokenClass, number>> {
  const kind = span.kind;
  if (kind.type !== "llm_call") return {};
  const cached = kind.cached_input_tokens ?? 0;
  const written = kind.cache_write_tokens ?? 0;
  const writtenLong = kind.cache_write_1h_tokens ?? 0;
  const heard = kind.audio_input_tokens ?? 0;
  const reasoning = kind.reasoning_tokens ?? 0;
  const spoken = kind.audio_output_tokens ?? 0;
  return {
    input: Math.max(0, (kind.input_tokens ?? 0) - cached - written - writtenLong - heard),
    cached_input: cached,
    cache_write: written,
    cache_write_1h: writtenLong,
    audio_input: heard,
    output: Math.max(0, (kind.output_tokens ?? 0) - reasoning - spoken),
    reasoning,
    audio_output: spoken,
  };
}
