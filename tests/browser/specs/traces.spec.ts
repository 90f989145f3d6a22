import { expect, manyTraces, rows, singleCall, supportTrace, test } from "../support/test.ts";

test.beforeEach(async ({ server }) => {
  await server.ingest(manyTraces(120));
});

test("the list shows name and question, models, spans, tokens, cost, duration and time, the newest first", async ({ page, server }) => {
  await server.ingest(supportTrace());
  await page.goto("/traces");
  const header = page.getByRole("row").first();
  await expect(header).toHaveText(/Name.*Models.*Spans.*Tokens.*Cost.*Duration.*Time/);
  const row = rows(page).filter({ hasText: "customers-support" });
  await expect(row.getByText(/^Hi, my oak desk/)).toBeVisible();
  await expect(row).toContainText("claude-sonnet-4-5");
  await expect(row).toContainText("13");
  await expect(row).toContainText("10.7 k");
  await expect(row).toContainText("$0.028");
  await expect(row).toContainText("9.84 s");
  await expect(page.getByText("121 traces")).toBeVisible();
});

test("rows follow as one scrolls, and only those in sight are drawn", async ({ page }) => {
  await page.goto("/traces");
  const table = page.getByRole("table", { name: "Traces" });
  await expect(rows(page).first()).toBeVisible();
  await expect(async () => {
    await table.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
    await expect(table).toHaveAttribute("aria-rowcount", "120", { timeout: 500 });
  }).toPass();
  expect(await rows(page).count()).toBeLessThan(60);
});

test("further rows that cannot be loaded say so, and the list stays", async ({ page }) => {
  await page.route(/cursor=/, (route) => route.abort());
  await page.goto("/traces");
  await expect(rows(page).first()).toBeVisible();
  await page.getByRole("table", { name: "Traces" }).evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
  const failed = page.getByRole("alert").filter({ hasText: "Further rows could not be loaded" });
  await expect(failed).toBeAttached();
  await expect(rows(page).first()).toBeVisible();
  await page.unroute(/cursor=/);
  await failed.getByRole("button", { name: "Try again" }).click();
  await expect(failed).toHaveCount(0);
  await expect(page.getByRole("table", { name: "Traces" })).toHaveAttribute("aria-rowcount", /^1[02]0$/);
});

test("the search suggests keys and values, marks nonsense, and lives in the URL", async ({ page }) => {
  await page.goto("/traces");
  await expect(rows(page).first()).toBeVisible();
  await page.keyboard.press("/");
  const search = page.getByRole("combobox");
  await expect(search).toBeFocused();
  await page.keyboard.type("stat");
  await expect(page.getByRole("option", { name: /^status:/ })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(search).toHaveValue("status:");
  await expect(page.getByRole("option")).toHaveText(["failed", "running", "completed"]);
  await page.keyboard.press("Tab");
  await page.keyboard.type("model:claude");
  await expect(page.getByRole("option", { name: "claude-sonnet-4-5" })).toBeVisible();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/q=status%3Afailed\+model%3Aclaude-sonnet-4-5$/);
  await expect(rows(page).first().getByRole("img", { name: "failed" })).toBeVisible();
  for (const row of await rows(page).all()) await expect(row).toContainText("claude-sonnet-4-5");

  await page.goBack();
  await expect(search).toHaveValue("");
  await page.goto("/traces?q=cost:much");
  await expect(search).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByRole("heading", { name: "The search cannot be understood" })).toBeVisible();
  await page.getByRole("button", { name: "Drop the search" }).click();
  await expect(rows(page).first()).toBeVisible();

  await page.goto("/traces?q=nothing-has-this");
  await expect(page.getByRole("heading", { name: "No traces match" })).toBeVisible();
});

test("the time range narrows the list and is kept in the URL", async ({ page }) => {
  await page.goto("/traces");
  await page.getByRole("button", { name: "Time range: All time" }).click();
  await page.getByRole("button", { name: "Last hour", exact: true }).click();
  await expect(page).toHaveURL(/since=1h$/);
  const table = page.getByRole("table", { name: "Traces" });
  await expect(async () => {
    await table.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
    expect(Number(await table.getAttribute("aria-rowcount"))).toBeGreaterThan(50);
    await expect(page.getByText(/^5\d traces$/)).toBeVisible({ timeout: 500 });
  }).toPass();
  await page.reload();
  await expect(page.getByRole("button", { name: "Time range: Last hour" })).toBeVisible();

  await page.getByRole("button", { name: "Time range: Last hour" }).click();
  await page.getByLabel("To", { exact: true }).fill("2020-01-01");
  await page.getByRole("button", { name: "Show this time" }).click();
  await expect(page.getByRole("button", { name: "Time range: … – 2020-01-01" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "No traces match" })).toBeVisible();
  await page.getByRole("button", { name: "Look at all time" }).click();
  await expect(page.getByText("120 traces")).toBeVisible();
});

test("sorting by a column is kept in the URL and turns round", async ({ page }) => {
  await page.goto("/traces");
  await page.getByRole("button", { name: "Spans", exact: true }).click();
  await page.getByRole("button", { name: "Duration" }).click();
  await expect(page).toHaveURL(/sort_by=duration&sort_order=desc/);
  await expect(page.getByRole("columnheader", { name: "Duration" })).toHaveAttribute("aria-sort", "descending");
  await expect(rows(page).first()).toContainText(/\d\d\.\d\d s/);
  await page.getByRole("button", { name: "Duration" }).click();
  await expect(page).toHaveURL(/sort_order=asc/);
  await expect(rows(page).first()).toContainText(/\d+ ms/);
});

test("keys move, peek and open, and Escape comes back with the filters", async ({ page }) => {
  await page.goto("/traces?q=status:completed");
  await expect(rows(page).first()).toBeVisible();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(rows(page).nth(1)).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("k");
  await expect(rows(page).nth(0)).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Space");
  await expect(page).toHaveURL(/peek=seed-000000/);
  await expect(page.getByRole("complementary").getByRole("tab", { name: "Messages" })).toBeVisible();
  await expect(page.getByRole("complementary").getByRole("region", { name: "Trace" })).toContainText(/Completed.*tokens.*\$.*4 spans/);
  await page.keyboard.press("j");
  await expect(page).toHaveURL(/peek=seed-000001/);
  await page.keyboard.press("k");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("complementary")).toHaveCount(0);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/traces\/seed-000000\?q=status%3Acompleted/);
  await expect(page.getByRole("treeitem").first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/traces\?q=status%3Acompleted$/);
});

test("a name is a link, which opens in a tab of its own where one asks for it", async ({ page, context }) => {
  await page.goto("/traces?q=status:completed");
  const link = rows(page).first().getByRole("link");
  const [tab] = await Promise.all([context.waitForEvent("page"), link.click({ modifiers: ["ControlOrMeta"] })]);
  await expect(tab).toHaveURL(/\/traces\/seed-000000\?q=status%3Acompleted$/);
  await expect(page).toHaveURL(/\/traces\?q=status:completed$/);
  await link.click();
  await expect(page.getByRole("treeitem").first()).toBeVisible();
});

test("one trace is deleted after a question, and stays when one cancels", async ({ page, server }) => {
  await server.ingest(singleCall("unwanted", { messages: [] }));
  await page.goto("/traces?q=name:unwanted");
  await rows(page).first().hover();
  await page.getByRole("button", { name: "Delete unwanted" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Delete this trace?" });
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: "Delete unwanted" }).click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("heading", { name: "No traces match" })).toBeVisible();
  expect((await fetch(`${server.api}/api/traces/unwanted`)).status).toBe(404);
});

test("a deletion brings no old row to the top, and is no news", async ({ page, server }) => {
  await page.goto("/traces?sort_by=started_at&sort_order=desc");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  const names = async () => (await rows(page).getByRole("link").evaluateAll((links) => links.map((link) => link.getAttribute("href")))).slice(0, 6);
  await expect(rows(page).first()).toBeVisible();
  const [first, second, , ...rest] = await names();
  await fetch(`${server.api}/api/traces/seed-000002`, { method: "DELETE" });
  await expect(page.getByText("119 traces")).toBeVisible();
  expect((await names()).slice(0, 5)).toEqual([first, second, ...rest]);

  await page.getByRole("button", { name: "Cost" }).click();
  await expect(page).toHaveURL(/sort_by=cost/);
  await expect(rows(page).first()).toBeVisible();
  const dearest = (await rows(page).first().getByRole("link").getAttribute("href"))?.split(/[/?]/)[2] ?? "";
  await fetch(`${server.api}/api/traces/${dearest}`, { method: "DELETE" });
  await expect(page.getByText("118 traces")).toBeVisible();
  await expect(page.getByRole("button", { name: "New traces available" })).toHaveCount(0);
});

test("coming back to the list finds it where it was left", async ({ page }) => {
  await page.goto("/traces");
  const table = page.getByRole("table", { name: "Traces" });
  await expect(rows(page).first()).toBeVisible();
  await table.evaluate((element) => element.scrollTo({ top: 900 }));
  const row = rows(page).filter({ hasText: "summarise-thread" }).filter({ visible: true }).nth(4);
  await row.scrollIntoViewIfNeeded();
  await row.click();
  await expect(page.getByRole("treeitem").first()).toBeVisible();
  for (const back of [() => page.goBack(), () => page.keyboard.press("Escape")]) {
    await back();
    await expect(page.locator("[aria-selected=true]")).toBeInViewport();
    expect(await table.evaluate((element) => element.scrollTop)).toBeGreaterThan(100);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("treeitem").first()).toBeVisible();
  }
  await page.getByRole("navigation").getByRole("link", { name: "Traces" }).click();
  await expect(rows(page).first()).toBeVisible();
  expect(await table.evaluate((element) => element.scrollTop)).toBe(0);
});

test("the figures below the list say what they cover", async ({ page, server }) => {
  const { total_cost } = (await (await fetch(`${server.api}/api/analytics/summary`)).json()) as { total_cost: number };
  await page.goto("/traces");
  const totals = page.getByRole("group", { name: "Totals" });
  await expect(totals).toContainText("120 traces");
  await expect(totals).toContainText(`$${total_cost.toFixed(2)}`);
  await page.goto("/traces?q=duration:>0");
  await expect(totals).toContainText("first 50:");
});

test("the keyboard goes back to where it was after a question, and on from the search", async ({ page }) => {
  await page.goto("/traces");
  const remove = rows(page).nth(2).getByRole("button", { name: /^Delete/ });
  await remove.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alertdialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(remove).toBeFocused();
  await page.keyboard.press("/");
  await expect(page.getByRole("listbox")).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: /^Time range/ })).toBeFocused();
});

test("an address with a session shows its traces", async ({ page }) => {
  await page.goto("/traces?session_id=chat-1");
  await expect(page).toHaveURL(/\/traces\?q=session%3Achat-1$/);
  await expect(rows(page)).toHaveCount(4);
});

test("everything is cleared only after the word was typed", async ({ page, server }) => {
  await page.goto("/traces");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: /Clear all traces/ }).click();
  const clear = page.getByRole("button", { name: "Clear everything" });
  await expect(clear).toBeDisabled();
  await page.getByRole("textbox", { name: /Type clear/ }).fill("clear");
  await clear.click();
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  expect(await (await fetch(`${server.api}/api/traces`)).json()).toMatchObject({ count: 0 });
});

test("columns can be hidden, and stay so", async ({ page }) => {
  await page.goto("/traces");
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("menuitemcheckbox", { name: "Models" }).click();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("columnheader", { name: "Models" })).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("columnheader", { name: "Cost" })).toBeVisible();
  await expect(page.getByRole("columnheader", { name: "Models" })).toHaveCount(0);
});

test("everything can be exported as JSON", async ({ page }) => {
  await page.goto("/traces");
  await page.getByRole("button", { name: "More" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: /Export/ }).click()]);
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  const exported = JSON.parse(Buffer.concat(chunks).toString()) as { traces: Record<string, unknown[]> };
  expect(Object.keys(exported.traces)).toHaveLength(120);
  expect(exported.traces["seed-000000"]).toHaveLength(4);
});
