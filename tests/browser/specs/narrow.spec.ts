import { expect, manyTraces, rows, supportTrace, test } from "../support/test.ts";

test.use({ viewport: { width: 390, height: 844 } });

test.beforeEach(async ({ server }) => {
  await server.ingest(manyTraces(30));
  await server.ingest(supportTrace());
});

test("no page is wider than the screen", async ({ page }) => {
  for (const path of ["/", "/traces", "/traces/customers-support", "/traces/customers-support?span=customers-support-reply", "/traces/customers-support?view=waterfall", "/spans", "/spans?span=seed-000002-b&trace=seed-000002", "/sessions", "/sessions/chat-1", "/sessions/chat-1?view=read", "/settings"]) {
    await page.goto(path);
    await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
    await page.getByRole("main").locator("h1, h2").first().waitFor({ state: "attached" });
    await expect(page.locator(".skeleton, [aria-busy]")).toHaveCount(0);
    const cut = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(cut, path).toBeLessThanOrEqual(0);
  }
});

test("tree and span are two steps, and Back undoes the second", async ({ page }) => {
  await page.goto("/traces");
  await rows(page).filter({ hasText: "customers-support" }).click();
  const tree = page.getByRole("tree");
  await expect(tree).toBeVisible();
  await page.getByRole("treeitem", { name: /^write-reply/ }).click();
  await expect(tree).toHaveCount(0);
  await expect(page.getByText("A new one is on its way")).toBeVisible();
  await page.goBack();
  await expect(tree).toBeVisible();
  await page.getByRole("treeitem", { name: /^write-reply/ }).click();
  await page.getByRole("button", { name: "Back to the tree" }).click();
  await expect(tree).toBeVisible();
});

test("the bar at the bottom leads to every page and to the search over all", async ({ page }) => {
  await page.goto("/");
  const bar = page.getByRole("navigation", { name: "Main" });
  for (const [name, path] of [["Traces", "/traces"], ["Spans", "/spans"], ["Sessions", "/sessions"], ["Settings", "/settings"], ["Overview", "/"]] as const) {
    await bar.getByRole("link", { name }).click();
    await expect(page).toHaveURL((url) => url.pathname === path);
  }
  await bar.getByRole("button", { name: "Search" }).click();
  await page.getByPlaceholder(/Go to a page/).fill("light");
  await page.getByRole("option", { name: "Light theme" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
});
