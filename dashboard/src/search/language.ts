/** What the query language knows, for suggesting and marking. The server decides what is right. */

export interface KeyHelp {
  key: string;
  hint: string;
}

export const KEYS: readonly KeyHelp[] = [
  { key: "model", hint: "the model, exactly" },
  { key: "provider", hint: "who serves it" },
  { key: "kind", hint: "llm_call, tool_call, retrieval …" },
  { key: "status", hint: "running, completed or failed" },
  { key: "name", hint: "text in the name" },
  { key: "input", hint: "text in the input" },
  { key: "output", hint: "text in the output" },
  { key: "cost", hint: "US dollars, such as >0.01" },
  { key: "tokens", hint: "input and output, such as >1000" },
  { key: "duration", hint: "such as >2s or 500-1000" },
  { key: "input_tokens", hint: "such as >1000" },
  { key: "output_tokens", hint: "such as >1000" },
  { key: "session", hint: "the session id" },
  { key: "trace", hint: "the trace id" },
  { key: "tag", hint: "part of a tag" },
  { key: "since", hint: "24h, 7d or a date" },
  { key: "until", hint: "1h or a date" },
  { key: "path", hint: "the file of a file span" },
  { key: "sort", hint: "started_at, duration, cost, tokens" },
  { key: "order", hint: "asc or desc" },
];

const FIXED: Record<string, readonly string[]> = {
  status: ["failed", "running", "completed"],
  kind: ["llm_call", "tool_call", "retrieval", "embedding", "agent", "chain", "custom", "fs_read", "fs_write"],
  since: ["1h", "24h", "7d", "30d"],
  until: ["1h", "24h", "7d"],
  cost: [">0.01", ">0.1", ">1"],
  tokens: [">1000", ">10000", ">100000"],
  input_tokens: [">1000", ">10000"],
  output_tokens: [">500", ">5000"],
  duration: [">1s", ">5s", ">30s"],
  sort: ["started_at", "duration", "cost", "tokens"],
  order: ["desc", "asc"],
};

/** Values the server has seen. */
export interface Known {
  models: readonly string[];
  providers: readonly string[];
}

export interface Suggestion {
  /** What is shown. */
  label: string;
  hint: string;
  /** The whole query once accepted, and where the caret then stands. */
  query: string;
  caret: number;
}

interface Token {
  start: number;
  end: number;
  text: string;
}

/** Cuts a query into its terms; a quoted space does not end one. */
export function tokensOf(query: string): Token[] {
  const tokens: Token[] = [];
  let start = -1;
  let quoted = false;
  for (let at = 0; at <= query.length; at++) {
    const char = query[at];
    if (char === '"' && query[at - 1] !== "\\") quoted = !quoted;
    const ends = char === undefined || (!quoted && /\s/.test(char));
    if (!ends && start < 0) start = at;
    if (ends && start >= 0) {
      tokens.push({ start, end: at, text: query.slice(start, at) });
      start = -1;
    }
  }
  return tokens;
}

/** Returns a query whose only word is looked for by a key instead; null when it has no word, or several. */
export function asTerm(query: string, key: string): string | null {
  const tokens = tokensOf(query).map((token) => token.text);
  const isWord = (text: string) => !text.startsWith("-") && !KEYS.some((known) => text.startsWith(`${known.key}:`));
  if (tokens.filter(isWord).length !== 1) return null;
  return tokens.map((text) => (isWord(text) ? `${key}:${text.startsWith('"') ? text : `"${text.replaceAll('"', '\\"')}"`}` : text)).join(" ");
}

/** What could stand where the caret is: keys, or values of the key before it. */
export function suggest(query: string, caret: number, known: Known): Suggestion[] {
  const token = tokensOf(query).find((each) => each.start <= caret && caret <= each.end) ?? { start: caret, end: caret, text: "" };
  const typed = query.slice(token.start, caret);
  const minus = typed.startsWith("-") ? "-" : "";
  const body = typed.slice(minus.length);
  const replaced = (text: string, open: boolean) => {
    const before = query.slice(0, token.start) + minus + text + (open ? "" : " ");
    return { query: before + query.slice(token.end).trimStart(), caret: before.length };
  };
  const colon = body.indexOf(":");
  if (colon < 0) {
    if (body.startsWith('"')) return [];
    return KEYS.filter(({ key }) => key.startsWith(body.toLowerCase()) && key !== body).map(({ key, hint }) => ({
      label: `${minus}${key}:`,
      hint,
      ...replaced(`${key}:`, true),
    }));
  }
  const key = body.slice(0, colon);
  const start = body.slice(colon + 1).replace(/^"/, "").toLowerCase();
  return valuesOf(key, known)
    .filter((value) => value.toLowerCase().includes(start) && value !== body.slice(colon + 1))
    .slice(0, 12)
    .map((value) => ({ label: value, hint: "", ...replaced(`${key}:${/\s/.test(value) ? `"${value}"` : value}`, false) }));
}

function valuesOf(key: string, known: Known): readonly string[] {
  if (key === "model") return known.models;
  if (key === "provider") return known.providers;
  return FIXED[key] ?? [];
}

/** One value of a number, then what a bound or a range may look like. */
const VALUE = String.raw`-?[0-9.]+([eE][+-]?\d+)?(ms|s|m)?`;
const NUMBER = new RegExp(`^(>=|<=|>|<|=)?${VALUE}(-${VALUE})?$`);

/** Whether a term has a known key and a value it surely cannot have. */
export function isInvalid(term: string): boolean {
  const [, key, value] = /^-?([a-z_]+):(.*)$/s.exec(term) ?? [];
  if (key === undefined || value === undefined || value === "" || value === '""') return false;
  const bare = value.replace(/^(=?)"/, "$1").replace(/"$/, "");
  if (["cost", "tokens", "input_tokens", "output_tokens", "duration"].includes(key)) return !NUMBER.test(bare);
  const exact = bare.replace(/^=/, "");
  if (["status", "sort", "order"].includes(key)) return !(FIXED[key] ?? []).includes(exact) && !(key === "sort" && ["name", "span_count"].includes(exact));
  if (["since", "until"].includes(key)) return !/^\d+[smhd]$/.test(exact) && Number.isNaN(Date.parse(exact));
  return false;
}

/** How a list is sorted, as its URL says it. */
export interface SortSearch {
  q?: string | undefined;
  sort_by?: string | undefined;
  sort_order?: "asc" | "desc" | undefined;
}

/** Returns how the server sorts a list: by what its parameters say, else by what the query asks for, else by start. */
export function sortOf({ q = "", sort_by, sort_order }: SortSearch): { by: string; order: "asc" | "desc" } {
  const terms = tokensOf(q).map((token) => /^-?(sort|order):=?"?(\w+)"?$/.exec(token.text));
  const asked = (key: string) => terms.findLast((term) => term?.[1] === key)?.[2];
  const order = sort_order ?? asked("order");
  return { by: sort_by ?? asked("sort") ?? "started_at", order: order === "asc" ? "asc" : "desc" };
}
