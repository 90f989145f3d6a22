import { expect, rows, supportTrace, test } from "../support/test.ts";

test("settings of a local server show how it is and what its proxy does, and nothing of users and plans", async ({ page, server }) => {
  await server.ingest(supportTrace());
  await page.goto("/settings");
  const facts = page.getByRole("region", { name: "Server" });
  await expect(facts).toContainText("Well");
  await expect(facts).toContainText(/Version\s*\d+\.\d+\.\d+/);
  await expect(facts).toContainText(/1 trace, \d+ spans\s*in sqlite/);
  const uptime = () => facts.getByText(/^(\d+ s|\d+ m \d+ s|\d+ h \d+ m)$/).innerText();
  const before = await uptime();
  await expect.poll(uptime).not.toBe(before);
  await expect(page.getByRole("region", { name: "Proxy" })).toContainText("Capture mode");
  for (const word of ["API keys", "Team", "Usage", "Billing", "Delete project", "Log out"]) await expect(page.getByText(word)).toHaveCount(0);
});

test("the proxy is shown as it is set, whatever set it", async ({ page, server, provider }) => {
  await page.goto("/settings");
  const proxy = page.getByRole("region", { name: "Proxy" });
  await expect(proxy).toContainText(new URL(server.proxy).port);
  await expect(proxy).toContainText(provider.url);
  await expect(proxy).toContainText("full");
});

test("all data is cleared once the word is typed", async ({ page, server }) => {
  await server.ingest(supportTrace());
  await page.goto("/settings");
  await page.getByRole("button", { name: "Clear all data…" }).click();
  const question = page.getByRole("alertdialog");
  await expect(question.getByRole("button", { name: "Clear everything" })).toBeDisabled();
  await question.getByRole("textbox").fill("clear");
  await question.getByRole("button", { name: "Clear everything" }).click();
  await expect(page.getByText("Everything was removed")).toBeVisible();
  await expect(page.getByRole("region", { name: "Server" })).toContainText("0 traces");
  await page.goto("/traces");
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  await expect(rows(page)).toHaveCount(0);
});

test("the pages of the cloud lead nowhere in local mode", async ({ page }) => {
  for (const path of ["/settings/api-keys", "/settings/team", "/settings/usage", "/settings/billing"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { name: "This is part of the cloud" })).toBeVisible();
  }
  for (const path of ["/login", "/signup", "/forgot-password", "/reset-password?token=x", "/accept-invite?token=x"]) {
    await page.goto(path);
    await expect(page).toHaveURL((url) => url.pathname === "/");
    await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  }
});
