import { expect, singleCall, test } from "../support/test.ts";

test("all models are shown when one asks for them", async ({ page, server }) => {
  const calls = Array.from({ length: 14 }, (_, index) =>
    singleCall(`call-${index}`, { messages: [], more: { kind: { type: "llm_call", model: `model-${index}`, input_tokens: 1, output_tokens: 1 } } }),
  );
  await server.ingest({ traces: calls.flatMap((call) => call.traces), spans: calls.flatMap((call) => call.spans) });
  await page.goto("/");
  const models = page.getByRole("region", { name: "Models" });
  await expect(models.getByRole("link")).toHaveCount(12);
  await models.getByRole("button", { name: "Show all 14 models" }).click();
  await expect(models.getByRole("link")).toHaveCount(14);
});
