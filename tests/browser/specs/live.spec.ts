import type { Page } from "@playwright/test";
import { expect, rows, singleCall, supportTrace, test } from "../support/test.ts";

const indicator = /^Live stream: /;

/** Lets something happen once an answer is made, and its event reach the page before that answer does. */
async function overtakeAnswer(page: Page, url: RegExp, happen: () => Promise<void>): Promise<void> {
  await page.route(url, async (route) => {
    const response = await route.fetch();
    await happen();
    // Time for the event to come before the answer.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await route.fulfill({ response });
  }, { times: 1 });
}

test("a call through the proxy appears while its answer still streams, and completes in place", async ({ page, server, provider }) => {
  await page.goto("/traces");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  const answer = await fetch(`${server.proxy}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-test" },
    body: JSON.stringify({ model: "gpt-4o-mini", stream: true, messages: [{ role: "user", content: "Stream slowly." }] }),
  });
  const row = rows(page).first();
  await expect(row.getByRole("img", { name: "running" })).toBeVisible();
  await expect(row).toContainText("gpt-4o-mini");
  await expect(row).toContainText("Stream slowly.");

  await row.click();
  await expect(page.getByText("Stream slowly.")).toBeVisible();
  await expect(page.getByText("Waiting for the output")).toBeVisible();

  provider.finish();
  expect(await answer.text()).toContain("and the rest.");
  await expect(page.getByText("Half of the answer, and the rest.")).toBeVisible();
  await expect(page.getByText("Waiting for the output")).toBeHidden();
  await page.getByRole("link", { name: "Traces", exact: true }).first().click();
  await expect(rows(page).first().getByRole("img", { name: "completed" })).toBeVisible();
  await expect(rows(page).first()).toContainText("1.5 k");
});

test("a running span ticks and its trace grows while one looks", async ({ page, server }) => {
  await server.post("/api/spans", { id: "outer", trace_id: "growing", name: "outer" });
  await page.goto("/traces/growing");
  const tree = page.getByRole("tree");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await expect(tree.getByRole("treeitem")).toHaveCount(1);
  const before = await tree.getByRole("treeitem").innerText();
  await expect.poll(() => tree.getByRole("treeitem").innerText()).not.toBe(before);

  await server.post("/api/spans", { id: "inner", trace_id: "growing", parent_id: "outer", name: "inner" });
  await expect(tree.getByRole("treeitem", { name: "inner, running" })).toBeVisible();
  await server.post("/api/spans/inner/fail", { error: "out of paper" });
  await expect(tree.getByRole("treeitem", { name: "inner, failed" })).toBeVisible();
  await expect(tree.getByRole("treeitem", { name: /^outer/ }).getByLabel("A span below failed")).toBeVisible();
});

test("what happens while a trace is on its way to the page is not lost", async ({ page, server }) => {
  await server.post("/api/spans", { id: "slow", trace_id: "late", name: "slow" });
  await overtakeAnswer(page, /\/api\/traces\/late\?/, () => server.post("/api/spans/slow/fail", { error: "out of paper" }));
  await page.goto("/traces");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await rows(page).first().click();
  await expect(page.getByRole("treeitem", { name: "slow, failed" })).toBeVisible();
});

test("a span that ends while it is on its way to the page is shown as it ended", async ({ page, server }) => {
  await server.post("/api/spans", { id: "slow", trace_id: "late", name: "slow" });
  await page.goto("/traces/late");
  await expect(page.getByRole("treeitem", { name: "slow, running" })).toBeVisible();
  await server.post("/api/spans", { id: "below", trace_id: "late", parent_id: "slow", name: "below" });
  await overtakeAnswer(page, /\/api\/spans\/below\?/, () => server.post("/api/spans/below/fail", { error: "out of paper" }));
  await page.getByRole("treeitem", { name: "below, running" }).click();
  const panel = page.getByRole("region", { name: "Span below" });
  // The tree knows of the failure; only an answer that is newer than it says that there is nothing to wait for.
  await expect(panel).toContainText("No input or output");
  await expect(panel.getByRole("alert")).toContainText("out of paper");
});

test("a trace that one comes back to is as it is now", async ({ page, server }) => {
  await server.post("/api/spans", { id: "slow", trace_id: "left", name: "slow" });
  await page.goto("/traces");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await rows(page).first().click();
  await expect(page.getByRole("treeitem", { name: "slow, running" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(rows(page)).toHaveCount(1);
  await server.post("/api/spans/slow/fail", { error: "out of paper" });
  await expect(rows(page).first().getByRole("img", { name: "failed" })).toBeVisible();
  await rows(page).first().click();
  await expect(page.getByRole("treeitem", { name: "slow, failed" })).toBeVisible();
});

test("new rows wait behind a banner while one has scrolled", async ({ page, server }) => {
  const many = Array.from({ length: 60 }, (_, index) => singleCall(`t-${index}`, { messages: [], start: Date.now() - 100_000 - index * 1000 }));
  await server.ingest({ traces: many.flatMap((each) => each.traces), spans: many.flatMap((each) => each.spans) });
  await page.goto("/traces");
  const table = page.getByRole("table", { name: "Traces" });
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await expect(rows(page).first()).toContainText("t-0");
  await table.evaluate((element) => element.scrollTo({ top: 600 }));
  await server.ingest(singleCall("fresh", { messages: [] }));
  const banner = page.getByRole("button", { name: "New traces available" });
  await expect(banner).toBeVisible();
  expect(await table.evaluate((element) => element.scrollTop)).toBe(600);
  await banner.click();
  await expect(rows(page).first()).toContainText("fresh");
  expect(await table.evaluate((element) => element.scrollTop)).toBe(0);
});

test("what one reads stays where it is when one comes back to a list that grew", async ({ page, server }) => {
  const many = Array.from({ length: 60 }, (_, index) => singleCall(`t-${index}`, { messages: [], start: Date.now() - 100_000 - index * 1000 }));
  await server.ingest({ traces: many.flatMap((each) => each.traces), spans: many.flatMap((each) => each.spans) });
  await page.goto("/traces");
  const table = page.getByRole("table", { name: "Traces" });
  await expect(rows(page).first()).toContainText("t-0");
  await table.evaluate((element) => element.scrollTo({ top: 640 }));
  await rows(page).filter({ hasText: "t-25" }).click();
  await expect(page.getByRole("treeitem").first()).toBeVisible();
  await server.ingest(singleCall("fresh", { messages: [] }));
  await page.goBack();
  await expect.poll(() => table.evaluate((element) => element.scrollTop)).toBe(672);
  await expect(page.locator("[aria-selected=true]")).toContainText("t-25");
});

test("a filtered list takes in only what matches", async ({ page, server }) => {
  await server.ingest(singleCall("one", { messages: [] }));
  await page.goto("/traces?q=name:one");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await expect(rows(page)).toHaveCount(1);
  await server.ingest(singleCall("two", { messages: [] }));
  await server.ingest(singleCall("another", { name: "one more", messages: [] }));
  await expect(rows(page)).toHaveCount(2);
  await expect(page.getByText("two", { exact: true })).toHaveCount(0);
});

test("the stream comes back after the server was away, with what happened since", async ({ page, server }) => {
  await server.ingest(singleCall("before", { messages: [] }));
  await page.goto("/traces");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await expect(rows(page)).toHaveCount(1);
  await server.kill();
  await expect(page.getByRole("button", { name: "Live stream: Disconnected" })).toBeVisible({ timeout: 15_000 });
  await expect(rows(page)).toHaveCount(1);
  await server.restart();
  await server.ingest(singleCall("after", { messages: [] }));
  await page.getByRole("button", { name: indicator }).click();
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await expect(rows(page)).toHaveCount(2);
});

test("the overview counts and tells what happens", async ({ page, server }) => {
  await server.ingest(singleCall("first", { messages: [] }));
  await page.goto("/");
  const totals = page.getByRole("region", { name: "Totals" });
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await expect(totals).toContainText("1Traces");
  await expect(page.getByRole("region", { name: "Live activity" })).toContainText("first");
  await server.ingest(supportTrace());
  await expect(totals).toContainText("2Traces");
  await expect(totals).toContainText("14Spans");
  await expect(page.getByRole("region", { name: "Models" })).toContainText("claude-sonnet-4-5");
  await expect(page.getByRole("region", { name: "Live activity" })).toContainText("create_replacement");
  await page.getByRole("region", { name: "Recent spans" }).getByRole("link", { name: /save-ticket/ }).click();
  await expect(page).toHaveURL(/\/traces\/customers-support\?span=customers-support-save/);
});
