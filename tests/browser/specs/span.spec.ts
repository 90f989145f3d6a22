import { expect, hardTraces, supportTrace, test } from "../support/test.ts";

const panel = (page: import("@playwright/test").Page) => page.getByRole("region", { name: /^Span / });

test.beforeEach(async ({ server }) => {
  await server.ingest(supportTrace());
});

test("a conversation is shown by role, with tool calls, their results and the earlier part folded", async ({ page }) => {
  await page.goto("/traces/customers-support?span=customers-support-plan-2");
  const span = panel(page);
  await expect(span.getByText("3 tools")).toBeVisible();
  const order = span.getByRole("region", { name: "Result of lookup_order" });
  await expect(order).toContainText("M. Okafor");
  await expect(order).toContainText("DESK-OAK-140");
  const answer = span.getByRole("article", { name: "Assistant" }).last();
  await expect(answer).toContainText("The leg is in stock in Tacoma");
  await expect(answer.getByRole("region", { name: "Tool call create_replacement" })).toContainText("express");

  await expect(span.getByText("You are the support agent")).toHaveCount(0);
  await span.getByRole("button", { name: "3 earlier messages" }).click();
  await expect(span.getByRole("article", { name: "System" })).toContainText("You are the support agent");
  await expect(span.getByRole("article", { name: "User" })).toContainText("my oak desk (order 88213)");
});

test("the first call shows its system prompt in two lines until one opens it", async ({ page }) => {
  await page.goto("/traces/customers-support?span=customers-support-plan-1");
  const system = panel(page).getByRole("article", { name: "System" });
  await system.getByRole("button", { name: /Show 3\d\d characters/ }).click();
  await expect(system).toContainText("Refunds above $500 need a person.");
  await expect(system.getByRole("listitem")).toHaveCount(4);
});

test("a prompt in no known form is shown as data beside the answer", async ({ page, server }) => {
  const { named } = hardTraces();
  const [call] = named.spans;
  await server.ingest({ traces: named.traces, spans: [{ ...call, input: { i: 30 }, output: "ok" }] });
  await page.goto("/traces/named?span=named-call");
  await expect(panel(page).getByRole("article", { name: "Input" })).toContainText("i: 30");
  await expect(panel(page).getByRole("article", { name: "Assistant" })).toContainText("ok");
});

test("Markdown inside a value is rendered, a table without a head has none", async ({ page }) => {
  await page.goto("/traces/customers-support?span=customers-support-root");
  const output = panel(page).getByRole("region", { name: "Output" });
  await expect(output.locator("strong").first()).toHaveText("R-5521");
  await expect(output.locator(".markdown thead")).toHaveCount(0);
});

test("an answer in Markdown is rendered", async ({ page }) => {
  await page.goto("/traces/customers-support?span=customers-support-reply");
  const answer = panel(page).getByRole("article", { name: "Assistant" }).last();
  await expect(answer.getByRole("table")).toContainText("Wednesday, before 18:00");
  await expect(answer.locator("strong").first()).toHaveText("R-5521");
});

test("the cost is broken down by class of tokens", async ({ page }) => {
  await page.goto("/traces/customers-support?span=customers-support-plan-2");
  const facts = panel(page).getByRole("region", { name: "Facts" });
  await expect(facts).toContainText("anthropic");
  await expect(facts).toContainText("Temperature0.2");
  await expect(facts).toContainText("tool_use");
  const line = (name: string) => facts.getByRole("row", { name: new RegExp(`^${name}`) });
  await expect(line("Input")).toHaveText("Input1,484$3.00$0.0045");
  await expect(line("Cache read")).toHaveText("Cache read1,822$0.30$0.00055");
  await expect(line("Output")).toHaveText("Output112$15.00$0.0017");
  await expect(line("Total")).toHaveText("Total3,418$0.0067");
});

test("the JSON view folds, finds and copies", async ({ page }) => {
  await page.goto("/traces/customers-support?span=customers-support-plan-2");
  await panel(page).getByRole("tab", { name: "JSON" }).click();
  await expect(page).toHaveURL(/tab=json/);
  await page.getByLabel("Find in Input and output").fill("tacoma");
  await expect(panel(page).getByText("1/2", { exact: true })).toBeVisible();
  await expect(panel(page).locator("mark").first()).toHaveText(/tacoma/i);
  await page.keyboard.press("Enter");
  await expect(panel(page).getByText("2/2", { exact: true })).toBeVisible();
  await panel(page).getByRole("button", { name: "Copy input and output" }).click();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as { input: { model: string } };
  expect(copied.input.model).toBe("claude-sonnet-4-5");
});

test("the YAML view keeps lines and every digit, and copies", async ({ page, server }) => {
  const body = '{"id":"exact","trace_id":"exact","name":"exact","input":{"order":12345678901234567890,"note":"first\\nsecond"}}';
  await fetch(`${server.api}/api/spans`, { method: "POST", headers: { "content-type": "application/json" }, body });
  await page.goto("/traces/exact?span=exact");
  await panel(page).getByRole("tab", { name: "YAML" }).click();
  await expect(page).toHaveURL(/tab=yaml/);
  const yaml = "input:\n  order: 12345678901234567890\n  note: |-\n    first\n    second\n";
  await expect(panel(page).getByRole("group", { name: "Input and output as YAML" })).toContainText("order: 12345678901234567890");
  await panel(page).getByRole("button", { name: "Copy input and output as YAML" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(yaml);
});

test("attributes are listed and filtered, and the raw span is what the API returns", async ({ page, server }) => {
  await page.goto("/traces/customers-support?span=customers-support-vectors&tab=attributes");
  await page.getByLabel("Filter attributes").fill("db.");
  await expect(panel(page).getByRole("term")).toHaveText(["db.system", "db.rows"]);
  await panel(page).getByRole("tab", { name: "Raw" }).click();
  await panel(page).getByRole("button", { name: "Copy span as JSON" }).click();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as unknown;
  expect(copied).toEqual(await (await fetch(`${server.api}/api/spans/customers-support-vectors`)).json());
});

test("images that came with the call are shown in place, remote ones only on request", async ({ page, server }) => {
  const { picture } = hardTraces();
  await server.ingest(picture);
  await page.goto("/traces/picture?span=picture-call");
  const image = panel(page).getByRole("article", { name: "User" }).getByRole("img");
  await expect(image).toBeVisible();
  expect(await image.evaluate((element) => (element as HTMLImageElement).naturalWidth)).toBe(320);

  const text = JSON.stringify(picture).replaceAll("picture", "remote").replace(/data:image[^"]+/, "http://images.invalid/desk.png");
  await server.ingest(JSON.parse(text) as typeof picture);
  const asked: string[] = [];
  page.on("request", (request) => request.url().includes("images.invalid") && asked.push(request.url()));
  await page.goto("/traces/remote?span=remote-call");
  const load = page.getByRole("button", { name: "Load image from images.invalid" });
  await expect(load).toBeVisible();
  expect(asked).toEqual([]);
});

test("text a model wrote is never run as HTML", async ({ page, server }) => {
  const { named } = hardTraces();
  const text = JSON.stringify(named).replaceAll('"No."', JSON.stringify("<img src=x onerror=\"document.title='taken'\"> [x](javascript:document.title='taken') <script>document.title='taken'</script>"));
  await server.ingest(JSON.parse(text) as typeof named);
  await page.goto("/traces/named?span=named-call");
  await expect(panel(page).getByText("<script>")).toBeVisible();
  await expect(panel(page).locator("img[src=x], script, a[href^='javascript:']")).toHaveCount(0);
  await expect(page).not.toHaveTitle("taken");
});

test("right-to-left text runs from the right", async ({ page, server }) => {
  await server.ingest(hardTraces().scripts);
  await page.goto("/traces/scripts?span=scripts-call");
  await expect(panel(page).getByText("لقد انتظرت")).toHaveCSS("direction", "rtl");
  await expect(panel(page).getByText("可以改到星期五送货吗")).toHaveCSS("direction", "ltr");
});

test("the panel leads to the parent", async ({ page }) => {
  await page.goto("/traces/customers-support?span=customers-support-embed");
  await panel(page).getByRole("button", { name: "search-policies" }).click();
  await expect(page).toHaveURL(/span=customers-support-search/);
  await expect(panel(page).getByRole("region", { name: "Input" })).toContainText("damaged item replacement express");
});

test("a running span is marked as failed with a reason, another as completed", async ({ page, server }) => {
  const { running } = hardTraces();
  await server.ingest(running);
  const statusOf = async (id: string) => ((await (await fetch(`${server.api}/api/spans/${id}`)).json()) as { status: unknown }).status;

  await page.goto("/traces/running?span=running-call");
  const finish = panel(page).getByRole("button", { name: "Finish span" });
  await finish.click();
  await page.getByRole("menuitem", { name: "Mark as failed…" }).click();
  const dialog = page.getByRole("dialog", { name: "Mark this span as failed?" });
  await dialog.getByRole("textbox", { name: "Error" }).fill("the worker was stopped");
  await dialog.getByRole("button", { name: "Mark as failed" }).click();
  await expect(panel(page).getByRole("alert")).toContainText("the worker was stopped");
  await expect(page.getByRole("treeitem", { name: "gpt-4o, failed" })).toBeVisible();
  await expect(finish).toHaveCount(0);
  expect(await statusOf("running-call")).toEqual({ failed: { error: "the worker was stopped" } });

  await page.goto("/traces/running?span=running-root");
  await finish.click();
  await page.getByRole("menuitem", { name: "Mark as completed" }).click();
  await expect(page.getByRole("treeitem", { name: "still running, completed" })).toBeVisible();
  await expect(finish).toHaveCount(0);
  await expect(page.getByRole("menu")).toHaveCount(0);
  expect(await statusOf("running-root")).toBe("completed");
});

test("a span that ends by itself keeps what one is typing about it, and says so", async ({ page, server }) => {
  await server.post("/api/spans", { id: "slow", trace_id: "slow", name: "slow" });
  await page.goto("/traces/slow");
  await panel(page).getByRole("button", { name: "Finish span" }).click();
  await page.getByRole("menuitem", { name: "Mark as failed…" }).click();
  const dialog = page.getByRole("dialog", { name: "Mark this span as failed?" });
  const reason = dialog.getByRole("textbox", { name: "Error" });
  await reason.fill("the worker was stopped");
  await server.post("/api/spans/slow/complete", {});
  await expect(page.getByRole("treeitem", { name: "slow, completed", includeHidden: true })).toBeVisible();
  await expect(reason).toHaveValue("the worker was stopped");
  await dialog.getByRole("button", { name: "Mark as failed" }).click();
  await expect(dialog.getByRole("alert")).toContainText("finished");
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(panel(page).getByRole("button", { name: "Finish span" })).toHaveCount(0);
  await expect(page.getByRole("treeitem", { name: "slow, completed" })).toBeVisible();
});
