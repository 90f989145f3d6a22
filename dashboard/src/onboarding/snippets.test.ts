import { expect, test } from "vitest";
import { cloudSnippets, environment } from "./snippets";

test("every way to send carries the key, by name where code is kept and whole where it is run at once", () => {
  const snippets = cloudSnippets("https://traceway.test", "tw_sk_secret");
  expect(snippets.filter(({ code }) => code.includes("tw_sk_secret")).map(({ id }) => id)).toEqual(["curl"]);
  expect(snippets.filter(({ code }) => code.includes("TRACEWAY_API_KEY")).map(({ id }) => id)).toEqual(["openai-python", "openai-node", "anthropic", "opentelemetry"]);
  expect(environment("https://traceway.test", "tw_sk_secret")).toBe("TRACEWAY_URL=https://traceway.test\nTRACEWAY_API_KEY=tw_sk_secret");
});

test("the header of OpenTelemetry has no bare space", () => {
  const otel = cloudSnippets("https://traceway.test", null).find(({ id }) => id === "opentelemetry");
  expect(otel?.code).toContain('"Authorization=Bearer%20$TRACEWAY_API_KEY"');
});
