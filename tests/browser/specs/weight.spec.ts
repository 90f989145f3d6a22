import { gzipSync } from "node:zlib";
import { expect, supportTrace, test } from "../support/test.ts";

const LIMIT = 250_000;

for (const path of ["/", "/traces", "/traces/customers-support", "/spans", "/sessions"]) {
  test(`the scripts of a first load of ${path} are at most 250 kB compressed`, async ({ page, server }) => {
    await server.ingest(supportTrace());
    const scripts = new Map<string, Promise<Buffer>>();
    page.on("response", (response) => {
      if (response.request().resourceType() === "script") scripts.set(response.url(), response.body());
    });
    await page.goto(path);
    await expect(page.getByText(path === "/sessions" ? "ticket-40417" : "customers-support").first()).toBeVisible();
    const bodies = await Promise.all(scripts.values());
    const size = bodies.map((body) => gzipSync(body).length).reduce((all, each) => all + each, 0);
    console.log(`${path}: ${scripts.size} scripts, ${Math.round(size / 1000)} kB compressed`);
    expect(scripts.size).toBeGreaterThan(1);
    expect(size).toBeLessThanOrEqual(LIMIT);
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
