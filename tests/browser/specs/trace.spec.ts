import { expect, hardTraces, manyTraces, singleCall, supportTrace, test } from "../support/test.ts";

const items = (page: import("@playwright/test").Page) => page.getByRole("treeitem");

test.beforeEach(async ({ server }) => {
  await server.ingest(supportTrace());
});

test("the header says what the trace is and took", async ({ page }) => {
  await page.goto("/traces/customers-support");
  const header = page.getByRole("main").locator("header").first();
  for (const text of ["customers-support", "Completed", "9.84 s", "10.7 k", "$0.028", "13 spans", "env:prod"]) await expect(header).toContainText(text);
  await header.getByRole("link", { name: "ticket-40417" }).click();
  await expect(page).toHaveURL(/\/sessions\/ticket-40417$/);
});

test("metadata and tags are told, and a tag leads to the traces that carry it", async ({ page, server }) => {
  await server.ingest(singleCall("tagged", { messages: [], trace: { tags: ["env:prod", "two words"], metadata: { plan: "pro" } }, more: { kind: { type: "custom", kind: "chain" } } }));
  await page.goto("/traces/tagged");
  const header = page.getByRole("main").locator("header").first();
  for (const text of ["– tokens", "– cost", /started .* ago/]) await expect(header).toContainText(text);
  await header.getByRole("button", { name: "1 metadata" }).click();
  const details = page.getByRole("dialog", { name: "Details of the trace" });
  await expect(details.getByRole("region", { name: "Metadata" })).toContainText("planpro");
  await details.getByRole("link", { name: "two words" }).click();
  await expect(page).toHaveURL(/\/traces\?q=tag%3A%22two\+words%22$/);
  await expect(page.getByRole("row").filter({ hasText: "tagged" })).toBeVisible();
  await expect(page.getByRole("row").filter({ hasText: "customers-support" })).toHaveCount(0);
});

test("a trace opened from a session leads back to it", async ({ page }) => {
  await page.goto("/sessions/ticket-40417");
  await page.getByRole("main").getByRole("link", { name: "customers-support" }).click();
  await expect(items(page).first()).toBeVisible();
  await expect(page.getByRole("link", { name: "Session ticket-40417" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/sessions\/ticket-40417$/);
});

test("forty levels deep, names can be read and nothing lies on anything", async ({ page, server }) => {
  const start = Date.now() - 90_000;
  await server.ingest({
    traces: [{ id: "deep" }],
    spans: Array.from({ length: 40 }, (_, level) => ({
      id: `deep-${level}`, trace_id: "deep", parent_id: level === 0 ? null : `deep-${level - 1}`, name: `level ${level} of a deeply nested agent`, status: "completed",
      kind: { type: "llm_call", model: "claude-sonnet-4-5", provider: "anthropic", input_tokens: 100, output_tokens: 10 },
      started_at: new Date(start + level * 50).toISOString(), ended_at: new Date(start + 30_000 - level * 50).toISOString(), input: { level }, output: "ok",
    })),
  });
  for (const width of [1440, 1024]) {
    await page.setViewportSize({ width, height: 900 });
    for (const view of ["tree", "waterfall"]) {
      await page.goto(`/traces/deep?span=deep-35&view=${view}`);
      const row = items(page).filter({ hasText: "level 35" });
      await expect(row).toHaveAttribute("aria-level", "36");
      const name = await row.getByTitle(/^level 35/).boundingBox();
      const figure = await row.getByText(/26\.50/).last().boundingBox();
      expect(name?.width, `${view} at ${width}`).toBeGreaterThan(45);
      expect((name?.x ?? 0) + (name?.width ?? 0)).toBeLessThanOrEqual(figure?.x ?? 0);
    }
  }
  await expect(page.getByRole("region", { name: /^Span / }).getByRole("article", { name: "Input" })).toContainText("level: 35");
});

test("the tree shows each span with its kind, cost and duration", async ({ page }) => {
  await page.goto("/traces/customers-support");
  await expect(items(page)).toHaveCount(13);
  const classify = items(page).filter({ hasText: "classify-ticket" });
  await expect(classify).toHaveAttribute("aria-level", "2");
  await expect(classify.getByLabel("LLM call")).toBeVisible();
  await expect(classify).toContainText("gpt-4o-mini");
  await expect(classify).toContainText("620 ms");
  for (const kind of ["Agent", "Tool call", "Retrieval", "Embedding", "File"]) await expect(page.getByRole("tree").getByLabel(kind).first()).toBeVisible();
  await expect(page.getByText(/LLM\s*7\.68 s/)).toBeVisible();
  await expect(page.getByText(/Tools\s*1\.31 s/)).toBeVisible();
});

test("arrows and j and k move through the tree, and open and close it", async ({ page }) => {
  await page.goto("/traces/customers-support");
  await expect(items(page).first()).toHaveAttribute("aria-selected", "true");
  const selected = page.locator('[role="treeitem"][aria-selected="true"]');
  await page.keyboard.press("ArrowDown");
  await expect(selected).toContainText("classify-ticket");
  await expect(page).toHaveURL(/span=customers-support-classify/);
  await page.keyboard.press("j");
  await expect(selected).toContainText("search-policies");
  await page.keyboard.press("ArrowLeft");
  await expect(selected).toHaveAttribute("aria-expanded", "false");
  await expect(items(page)).toHaveCount(11);
  await page.keyboard.press("ArrowRight");
  await expect(items(page)).toHaveCount(13);
  await page.keyboard.press("ArrowRight");
  await expect(selected).toContainText("text-embedding-3-small");
  await page.keyboard.press("ArrowLeft");
  await expect(selected).toContainText("search-policies");
  await page.keyboard.press("k");
  await page.keyboard.press("ArrowUp");
  await expect(selected).toContainText("customers-support");
  await page.getByRole("button", { name: "Collapse all" }).click();
  await expect(items(page)).toHaveCount(1);
  await page.getByRole("button", { name: "Expand all" }).click();
  await expect(items(page)).toHaveCount(13);
});

test("/ searches spans, Escape leaves the search and then the trace, ? lists the keys", async ({ page }) => {
  await page.goto("/traces/customers-support");
  await expect(items(page).first()).toBeVisible();
  await page.keyboard.press("/");
  const search = page.getByRole("textbox", { name: /Search spans/ });
  await expect(search).toBeFocused();
  await page.keyboard.type("order");
  await expect(page.getByText("1 of 13")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/span=customers-support-order/);
  await expect(page).toHaveURL(/find=order/);
  await page.reload();
  await expect(search).toHaveValue("order");
  await expect(page.getByText("1 of 13")).toBeVisible();
  await search.focus();
  await page.keyboard.press("Escape");
  await expect(search).toHaveValue("");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog", { name: "Keys" })).toHaveCount(0);
  await expect(page).toHaveURL(/customers-support/);
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/traces$/);
});

test("spans are filtered by status and kind", async ({ page, server }) => {
  await server.ingest(hardTraces().failed);
  await page.goto("/traces/failed");
  await page.getByRole("button", { name: "Filter by status and kind" }).click();
  await page.getByRole("checkbox", { name: /Failed/ }).check();
  await page.keyboard.press("Escape");
  await expect(page.getByText("1 of 3")).toBeVisible();
  await expect(page).toHaveURL(/\/traces\/failed\?states=failed$/);
});

test("the waterfall lays every span on one time axis and zooms", async ({ page }) => {
  await page.goto("/traces/customers-support");
  await page.getByRole("button", { name: "Waterfall" }).click();
  await expect(page).toHaveURL(/view=waterfall/);
  const bar = (name: string) => items(page).filter({ hasText: name }).locator("span[style*='background']").last();
  const box = async (name: string) => (await bar(name).boundingBox()) ?? { x: 0, width: 0 };
  const [whole, order, stock, reply] = [await box("customers-support"), await box("lookup_order"), await box("check_stock"), await box("write-reply")];
  expect(order.x).toBeLessThan(stock.x + 2);
  expect(reply.x).toBeGreaterThan(stock.x + stock.width);
  expect(reply.x + reply.width).toBeLessThanOrEqual(whole.x + whole.width + 1);
  expect(reply.width / whole.width).toBeCloseTo(3_280 / 9_840, 1);
  await page.getByRole("button", { name: "Zoom in" }).click();
  expect((await box("check_stock")).width).toBeGreaterThan(stock.width * 1.5);
  const reached = await box("check_stock");
  await page.mouse.move(reached.x + 4, (await items(page).filter({ hasText: "check_stock" }).boundingBox())!.y + 16);
  await expect(page.getByRole("tooltip")).toHaveText("check_stockat 3.29 stook 745 ms");
  await page.getByRole("button", { name: "Reader" }).click();
  await expect(page.getByRole("group", { name: "Conversation of the trace" })).toContainText("A new one is on its way");
});

test("a failed span is red, says why, and marks its ancestors", async ({ page, server }) => {
  await server.ingest(hardTraces().failed);
  await page.goto("/traces/failed?span=failed-tool");
  await expect(page.getByRole("alert")).toContainText("PaymentError: the card issuer declined");
  await page.getByRole("button", { name: /^Show all/ }).click();
  await expect(page.getByRole("alert")).toContainText("step29");
  await expect(items(page).first().getByLabel("A span below failed")).toBeVisible();
  await expect(items(page).nth(1).getByLabel("A span below failed")).toBeVisible();
  await expect(page.getByRole("main").locator("header").first()).toContainText("1 failed");
});

test("next and previous follow the list one came from", async ({ page, server }) => {
  await server.ingest(manyTraces(40));
  await page.goto("/traces/seed-000014?q=status:failed");
  await page.getByRole("button", { name: "Next trace" }).click();
  await expect(page).toHaveURL(/\/traces\/seed-000025\?q=status%3Afailed/);
  await page.getByRole("button", { name: "Previous trace" }).click();
  await page.getByRole("button", { name: "Previous trace" }).click();
  await expect(page).toHaveURL(/\/traces\/seed-000003/);
});

test("a span is deleted after a question, then its trace", async ({ page, server }) => {
  await page.goto("/traces/customers-support?span=customers-support-save");
  await page.getByRole("button", { name: "Delete span" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete span" }).click();
  await expect(items(page)).toHaveCount(12);
  await page.getByRole("button", { name: "Delete trace" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete trace" }).click();
  await expect(page).toHaveURL(/\/traces$/);
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  expect((await fetch(`${server.api}/api/traces/customers-support`)).status).toBe(404);
});

test("a trace deleted elsewhere says so", async ({ page, server }) => {
  await page.goto("/traces/customers-support");
  await expect(items(page).first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await fetch(`${server.api}/api/traces/customers-support`, { method: "DELETE" });
  await expect(page.getByRole("heading", { name: "This trace was deleted" })).toBeVisible();
});
