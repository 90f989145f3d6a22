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
  await expect(turn.getByRole("listitem").first()).toHaveText("Carrier: Northwind");
  await turn.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/traces\/seed-/);
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
