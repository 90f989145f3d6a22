import { expect, manyTraces, rows, singleCall, supportTrace, test } from "../support/test.ts";

test.beforeEach(async ({ server }) => {
  await server.ingest(manyTraces(60));
});

test("sessions are listed, the most recently active first, and searched by what they add up to", async ({ page }) => {
  await page.goto("/sessions");
  await expect(page.getByRole("row").first()).toHaveText(/Session.*Traces.*Spans.*Tokens.*Cost.*Duration.*Last active/);
  await expect(rows(page)).toHaveCount(5);
  await expect(rows(page).first()).toContainText("chat-0");
  await page.getByRole("combobox").fill("session:chat-3");
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("combobox").fill("cost:>1000");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "No sessions match" })).toBeVisible();
  await page.goto("/sessions");
  await page.getByRole("button", { name: "Failed" }).click();
  await expect(page).toHaveURL(/status=failed/);
  await expect(rows(page).first().getByRole("img", { name: "failed" })).toBeVisible();
});

test("a session shows its figures, its traces with their spans, and the conversation", async ({ page }) => {
  await page.goto("/sessions");
  await rows(page).filter({ hasText: "chat-1" }).click();
  await expect(page).toHaveURL(/\/sessions\/chat-1$/);
  const totals = page.getByRole("region", { name: "Totals" });
  for (const name of ["Cost", "Tokens", "Duration", "Average trace", "Traces", "Failed traces"]) await expect(totals).toContainText(name);
  const traces = page.getByRole("main").getByRole("listitem");
  await expect(traces).toHaveCount(4);
  await traces.first().getByRole("button", { name: /^Show the spans/ }).click();
  await expect(traces.first()).toContainText("lookup_order");

  await page.getByRole("button", { name: "Conversation" }).click();
  await expect(page).toHaveURL(/view=read/);
  const turn = page.getByRole("article").first();
  await expect(turn).toContainText("User");
  await expect(turn.locator("strong")).toHaveText("tomorrow before noon");
  await expect(turn.getByRole("listitem").filter({ hasText: "Carrier: Northwind" })).toBeVisible();
  await expect(turn.getByRole("list", { name: "Steps" }).getByRole("listitem")).toHaveText([/^lookup_order/]);
  await turn.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/traces\/seed-/);
});

test("a turn shows every step between question and answer, and what a trace without a model call took and gave", async ({ page, server }) => {
  await server.ingest(supportTrace());
  const start = Date.now() - 20_000;
  const span = (id: string, kind: object, from: number, more: object) => ({ id, trace_id: "flat", name: id, kind, status: "completed", started_at: new Date(start + from).toISOString(), ended_at: new Date(start + from + 100).toISOString(), ...more });
  await server.ingest({
    traces: [{ id: "flat", session_id: "ticket-40417", started_at: new Date(start).toISOString() }],
    spans: [
      { ...span("refund-agent", { type: "custom", kind: "agent" }, 0, { input: { order: 88213 }, output: "Paid back." }), ended_at: new Date(start + 1_000).toISOString() },
      span("charge_back", { type: "tool_call", tool_name: "charge_back" }, 100, { parent_id: "refund-agent", status: "failed", error: "declined" }),
      span("pay", { type: "tool_call", tool_name: "pay" }, 300, {}),
    ],
  });
  await page.goto("/sessions/ticket-40417?view=read");
  await expect(page.getByRole("article")).toHaveCount(2);

  const first = page.getByRole("article").first();
  const steps = first.getByRole("list", { name: "Steps" }).getByRole("listitem");
  await expect(steps).toHaveCount(8);
  await first.getByRole("button", { name: "2 more steps" }).click();
  await expect(steps).toHaveText([/^search-policies/, /^text-embedding-3-small/, /^vector-search/, /^plan/, /^claude-sonnet-4-5/, /^lookup_order/, /^check_stock/, /^claude-sonnet-4-5/, /^create_replacement/, /^save-ticket/]);

  const flat = page.getByRole("article").last();
  await expect(flat.getByRole("region", { name: "Input" })).toContainText("88213");
  await expect(flat).toContainText("Paid back.");
  await expect(flat.getByText("This trace has no model call.")).toHaveCount(0);
  const done = flat.getByRole("list", { name: "Steps" }).getByRole("listitem");
  await expect(done).toHaveText([/^charge_back/, /^pay/]);
  await expect(done.first().getByRole("img", { name: "failed" })).toBeVisible();
  await done.first().getByRole("link").click();
  await expect(page).toHaveURL(/\/traces\/flat\?.*span=charge_back/);
});

test("a word finds sessions by their id, and a filter that hides all is named", async ({ page }) => {
  await page.goto("/sessions?q=chat-3");
  await expect(rows(page)).toHaveCount(1);
  await page.goto("/sessions?q=zzzz&status=failed");
  await expect(page.getByText("No failed sessions have zzzz.")).toBeVisible();
  await page.getByRole("button", { name: "Drop “failed”" }).click();
  await expect(page).toHaveURL(/\/sessions\?q=zzzz$/);
});

test("the traces of a session are walked through and opened with keys", async ({ page }) => {
  await page.goto("/sessions/chat-1");
  const traces = page.getByRole("main").getByRole("listitem");
  await expect(traces).toHaveCount(4);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(traces.nth(1)).toHaveAttribute("aria-current", "true");
  await page.keyboard.press("Space");
  await expect(traces.nth(1)).toContainText("lookup_order");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/traces\/seed-\d+\?session_id=chat-1$/);
  await expect(page.getByRole("treeitem").first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/sessions\/chat-1$/);
  await expect(page.locator("[aria-current=true]").filter({ has: page.getByRole("button", { name: /spans of/ }) })).toHaveCount(1);
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/sessions$/);
});

test("nothing moves while a conversation is loaded", async ({ page }) => {
  await page.addInitScript(() => {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) document.documentElement.dataset.shift = String(Number(document.documentElement.dataset.shift ?? 0) + (entry as unknown as { value: number }).value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto("/sessions/chat-1?view=read");
  await expect(page.getByRole("article")).toHaveCount(4);
  await expect(page.locator("[aria-busy]")).toHaveCount(0);
  expect(Number((await page.locator("html").getAttribute("data-shift")) ?? 0)).toBeLessThan(0.1);
});

test("a session appears with its first trace, grows with the next, and goes with its last", async ({ page, server }) => {
  await page.goto("/sessions");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await server.ingest(supportTrace({ start: Date.now() - 10_000 }));
  await expect(rows(page).first()).toContainText("ticket-40417");
  await rows(page).first().click();
  await server.ingest(singleCall("second", { messages: [], start: Date.now(), trace: { session_id: "ticket-40417" } }));
  await expect(page.getByRole("main").getByRole("listitem")).toHaveCount(2);
  await page.getByRole("link", { name: "Back to sessions" }).click();
  await expect(rows(page)).toHaveCount(6);
  for (const id of ["second", "customers-support"]) await fetch(`${server.api}/api/traces/${id}`, { method: "DELETE" });
  await expect(rows(page)).toHaveCount(5);
});
