import { expect, test } from "../support/test.ts";

test("every page without data says how to get some", async ({ page, server }) => {
  for (const path of ["/", "/traces", "/spans"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
    await expect(page.getByText("Listening for traces")).toBeVisible();
    await expect(page.getByText(`base_url="${server.proxy}/v1"`)).toBeVisible();
  }
  await page.goto("/sessions");
  await expect(page.getByRole("heading", { name: "No sessions yet" })).toBeVisible();
  await expect(page.getByText("X-Traceway-Session-Id")).toBeVisible();
});

test("the snippet for curl records a call when it is run as it stands", async ({ page, server }) => {
  await page.goto("/traces");
  await page.getByRole("tab", { name: "curl" }).click();
  await page.getByRole("tabpanel").getByRole("button", { name: "Copy" }).click();
  const snippet = await page.evaluate(() => navigator.clipboard.readText());
  const [, url, body] = /(http\S+) [\s\S]*-d '([\s\S]*)'/.exec(snippet) ?? [];
  expect(url).toBe(`${server.api}/api/ingest`);
  const answer = await fetch(url ?? "", { method: "POST", headers: { "content-type": "application/json" }, body: body ?? "" });
  expect(answer.status).toBe(200);
  await expect(page.getByRole("row").filter({ hasText: "hello" })).toBeVisible();
});

test("an address without a page says so, and an unknown trace leads back", async ({ page }) => {
  await page.goto("/nowhere");
  await expect(page.getByRole("heading", { name: "There is no such page" })).toBeVisible();
  await page.getByRole("link", { name: "Go to the overview" }).click();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.goto("/traces/missing?q=status:failed");
  await expect(page.getByRole("heading", { name: "This trace does not exist" })).toBeVisible();
  await page.getByRole("link", { name: "Back to traces" }).click();
  await expect(page).toHaveURL(/\/traces\?q=status/);
});

test("the navigation leads to pages that exist, and to nothing else", async ({ page }) => {
  await page.goto("/");
  const links = page.getByRole("navigation", { name: "Main" }).getByRole("link");
  await expect(links).toHaveText(["Traceway", "Overview", "Traces", "Spans", "Sessions", "Settings"]);
  for (const name of ["Traces", "Spans", "Sessions", "Settings", "Overview"]) {
    await links.filter({ hasText: new RegExp(`^${name}$`) }).click();
    await expect(page.getByRole("heading", { level: 1, name })).toBeAttached();
  }
});
