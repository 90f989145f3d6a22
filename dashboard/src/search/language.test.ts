import { expect, test } from "vitest";
import { asTerm, isInvalid, sortOf, suggest, tokensOf } from "./language";

const known = { models: ["gpt-4o", "gpt-4o-mini", "claude sonnet"], providers: ["openai"] };

test("a quoted space does not end a term", () => {
  expect(tokensOf('a name:"two words" -b').map((token) => token.text)).toEqual(["a", 'name:"two words"', "-b"]);
});

test("keys are suggested while a key is typed, values after its colon", () => {
  expect(suggest("mo", 2, known).map((each) => each.query)).toEqual(["model:"]);
  expect(suggest("model:4o-m", 10, known).map((each) => each.query)).toEqual(["model:gpt-4o-mini "]);
  expect(suggest("-status:f", 9, known)[0]?.query).toBe("-status:failed ");
  expect(suggest("model:claude", 12, known)[0]?.query).toBe('model:"claude sonnet" ');
});

test("accepting a suggestion keeps the rest of the query", () => {
  const [first] = suggest("stat refund", 4, known);
  expect(first).toMatchObject({ query: "status:refund".replace("refund", "") + "refund", caret: 7 });
});

test("only values that cannot be right are marked", () => {
  expect(["cost:>0.1", "duration:500-1000", "since:24h", "foo:bar", "model:x", "status:", "refund"].filter(isInvalid)).toEqual([]);
  expect(["status:=failed", "order:=asc", "since:=24h", "cost:1e-3", "cost:1e-3-2e-3", "cost:>=-1", "duration:1s-2m", 'status:="failed"', '-cost:">1"'].filter(isInvalid)).toEqual([]);
  expect(["cost:much", "status:done", "since:later", "-tokens:>", "duration:>2S"].filter((term) => !isInvalid(term))).toEqual([]);
});

test("a query of one word can be asked of a key instead", () => {
  expect(asTerm("chat-1 cost:>0.5", "session")).toBe('session:"chat-1" cost:>0.5');
  expect(asTerm('"two words"', "session")).toBe('session:"two words"');
  expect(asTerm("user:42", "session")).toBe('session:"user:42"');
  expect(["two words", "cost:>1", "-chat", ""].map((query) => asTerm(query, "session"))).toEqual([null, null, null, null]);
});

test("a list is sorted by its parameters, else as its query says, else by start", () => {
  expect(sortOf({})).toEqual({ by: "started_at", order: "desc" });
  expect(sortOf({ q: 'refund sort:tokens sort:"cost" order:=asc' })).toEqual({ by: "cost", order: "asc" });
  expect(sortOf({ q: "sort:cost order:asc", sort_by: "duration", sort_order: "desc" })).toEqual({ by: "duration", order: "desc" });
  expect(sortOf({ q: "-sort:cost" })).toEqual({ by: "cost", order: "desc" });
  expect(sortOf({ q: '"sort:cost"' })).toEqual({ by: "started_at", order: "desc" });
});
