import { expect, hardTraces, largeTrace, manyTraces, rows, test } from "../support/test.ts";

test("a trace of 10,000 spans opens at once and scrolls by what is in sight", async ({ page, server }) => {
  await server.ingest(largeTrace(10_000));
  await page.goto("/traces");
  await expect(page.getByRole("row").filter({ hasText: "crawl with" })).toBeVisible();
  // From the click to the frame that shows the first row, both by the page's own clock.
  const shown = page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const afterClick = (click: MouseEvent) => {
          const look = () => {
            if (document.querySelector("[role=treeitem]")) {
              requestAnimationFrame(() => resolve(performance.now() - click.timeStamp));
            } else {
              requestAnimationFrame(look);
            }
          };
          look();
        };
        document.addEventListener("click", afterClick, { capture: true, once: true });
      }),
  );
  await page.getByRole("row").filter({ hasText: "crawl with" }).click();
  const opened = Math.round(await shown);
  const items = page.getByRole("treeitem");
  await expect(items.first()).toBeVisible();
  console.log(`10,000 spans: first rows after ${opened} ms`);
  expect(opened).toBeLessThan(3_000);
  await expect(page.getByRole("main").locator("header").first()).toContainText("10,000 spans");

  await page.getByRole("button", { name: "Expand all" }).click();
  const tree = page.getByRole("tree");
  expect(await tree.evaluate((element) => element.scrollHeight)).toBe(10_000 * 32);
  expect(await items.count()).toBeLessThan(80);
  const longest = await tree.evaluate(async (element) => {
    const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
    let before = await frame();
    let most = 0;
    for (let step = 1; step <= 40; step++) {
      element.scrollTop = (element.scrollHeight / 40) * step;
      const now = await frame();
      most = Math.max(most, now - before);
      before = now;
    }
    return most;
  });
  console.log(`10,000 spans: longest frame while scrolling ${Math.round(longest)} ms`);
  expect(longest).toBeLessThan(500);
  await expect(items.last()).toContainText("fetch page");
  expect(await items.count()).toBeLessThan(80);

  await page.getByRole("button", { name: "Waterfall" }).click();
  await expect(page.getByRole("img", { name: "Overview of the trace" })).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type("choose links");
  await expect(page.getByText("1,000 of 10,000")).toBeVisible();
  await page.getByRole("textbox", { name: /Search spans/ }).fill("fetch page 7");
  await expect(page.getByText("1,000 of 10,000")).toBeVisible();
  await expect(items.filter({ hasText: "fetch page 7" }).first()).toBeVisible();
  await page.getByRole("button", { name: "Clear filter" }).click();

  // Zooming goes to the rows in sight, however far down the trace they are.
  await tree.evaluate((element) => (element.scrollTop = element.scrollHeight / 4));
  for (let press = 0; press < 8; press++) await page.getByRole("button", { name: "Zoom in" }).click();
  await expect(items.filter({ hasText: /[◂▸]/ })).toHaveCount(0);
});

test("an answer of fifty thousand words is cut, and shown whole on request", async ({ page, server }) => {
  await server.ingest(hardTraces().words);
  await page.goto("/traces/words?span=words-call");
  const answer = page.getByRole("article", { name: "Assistant" });
  await expect(answer.getByRole("heading", { name: "Section 1", exact: true })).toBeVisible();
  const more = answer.getByRole("button", { name: /^Show all 5\d,\d{3} words$/ });
  await more.scrollIntoViewIfNeeded();
  await more.click();
  await expect(answer.getByRole("heading", { name: "Section 1", exact: true })).toBeAttached();
  expect(await page.getByRole("tabpanel").evaluate((element) => element.scrollHeight)).toBeGreaterThan(6_000);
});

test("a list of two thousand traces is there soon on a slow machine", async ({ page, server }) => {
  await server.ingest(manyTraces(2_000));
  const session = await page.context().newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  const started = Date.now();
  await page.goto("/traces");
  await expect(rows(page).first()).toBeVisible();
  const shown = Date.now() - started;
  console.log(`2,000 traces, four times slower: first rows after ${shown} ms`);
  expect(shown).toBeLessThan(5_000);
});
