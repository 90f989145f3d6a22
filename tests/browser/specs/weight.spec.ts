import { expect, supportTrace, test } from "../support/test.ts";
import { firstLoad } from "../support/weight.ts";

const LIMIT = 250_000;

for (const path of ["/", "/traces", "/traces/customers-support", "/spans", "/sessions"]) {
  test(`the scripts of a first load of ${path} are at most 250 kB compressed`, async ({ page, server }) => {
    await server.ingest(supportTrace());
    const text = { "/traces/customers-support": "lookup_order", "/sessions": "ticket-40417" }[path] ?? "customers-support";
    const { scripts, bytes } = await firstLoad(page, path, text);
    console.log(`${path}: ${scripts} scripts, ${Math.round(bytes / 1000)} kB compressed`);
    expect(scripts).toBeGreaterThan(1);
    expect(bytes).toBeLessThanOrEqual(LIMIT);
  });
}

test("the page loads nothing from elsewhere", async ({ page, server }) => {
  await server.ingest(supportTrace());
  const foreign: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(server.api) && !request.url().startsWith("data:")) foreign.push(request.url());
  });
  await page.goto("/traces/customers-support?span=customers-support-reply");
  await expect(page.getByText("A new one is on its way")).toBeVisible();
  expect(foreign).toEqual([]);
});
