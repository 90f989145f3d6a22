import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { refreshed, renew } from "./fresh";
import type { LiveEvent, Span } from "./types";

const completed = (trace: string, span: string): LiveEvent => ({ type: "span_completed", span: { id: span, trace_id: trace } as Span });

/** A client in which each load of a key counts. */
function counting() {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 30_000 } } });
  const loads = new Map<string, number>();
  /** Shows a key; returns how to hide it. */
  const show = (queryKey: string[], wait: Promise<unknown> = Promise.resolve()) => {
    const queryFn = async () => {
      const count = (loads.get(queryKey.join("/")) ?? 0) + 1;
      loads.set(queryKey.join("/"), count);
      await wait;
      return count;
    };
    return new QueryObserver(client, { queryKey, queryFn }).subscribe(() => undefined);
  };
  const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
  return { client, loads, show, settled };
}

test("a trace that is not shown is loaded again when it is shown after an event about it", async () => {
  const { client, loads, show, settled } = counting();
  const hide = [show(["trace", "a"]), show(["trace", "b"])];
  await settled();
  hide.forEach((each) => each());
  loads.clear();
  refreshed(client, [completed("a", "1")]);
  await settled();
  expect(loads.size).toBe(0);
  show(["trace", "a"]);
  show(["trace", "b"]);
  await settled();
  expect([...loads]).toEqual([["trace/a", 1]]);
});

test("a shown trace is left to its page, but for a gap in the stream", async () => {
  const { client, loads, show, settled } = counting();
  show(["trace", "a"]);
  await settled();
  refreshed(client, [completed("a", "1"), { type: "cleared" }]);
  await settled();
  expect(loads.get("trace/a")).toBe(1);
  refreshed(client, [{ type: "resync" }]);
  await settled();
  expect(loads.get("trace/a")).toBe(2);
});

test("a shown span is loaded again with all that is made of it, others are not", async () => {
  const { client, loads, show, settled } = counting();
  for (const key of [["span", "a", "1"], ["span", "a", "1", "yaml"], ["span", "a", "2"], ["span", "b", "1"]]) show(key);
  await settled();
  refreshed(client, [completed("a", "1")]);
  await settled();
  expect(Object.fromEntries(loads)).toEqual({ "span/a/1": 2, "span/a/1/yaml": 2, "span/a/2": 1, "span/b/1": 1 });
  refreshed(client, [{ type: "trace_deleted", trace_id: "a" }]);
  await settled();
  expect(Object.fromEntries(loads)).toEqual({ "span/a/1": 3, "span/a/1/yaml": 3, "span/a/2": 2, "span/b/1": 1 });
});

test("an answer that is on its way when something happens is asked for once more", async () => {
  const { client, loads, show, settled } = counting();
  let answer = () => {};
  show(["span", "a", "1"], new Promise<void>((resolve) => (answer = resolve)));
  await settled();
  refreshed(client, [completed("a", "1")]);
  refreshed(client, [completed("a", "1")]);
  const renewed = renew(client, ["span", "a", "1"]);
  await settled();
  expect(loads.get("span/a/1")).toBe(1);
  answer();
  await renewed;
  await settled();
  expect(loads.get("span/a/1")).toBe(2);
  expect(client.getQueryData(["span", "a", "1"])).toBe(2);
});
