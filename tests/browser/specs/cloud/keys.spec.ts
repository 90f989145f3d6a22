import { CLOUD, expect, Person, test } from "../../support/cloud.ts";

const ask = (method: string, key: string) =>
  fetch(`${CLOUD.url}/api/traces`, { method, headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, ...(method === "POST" ? { body: "{}" } : {}) }).then(({ status }) => status);

test("a key is shown whole this once, may do what its preset says, and is revoked at once", async ({ page, context }) => {
  await Person.signUp(context);
  await page.goto("/settings/api-keys");
  await expect(page.getByRole("heading", { name: "No keys yet" })).toBeVisible();
  await page.getByRole("button", { name: "Create key" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Dashboards");
  await dialog.getByRole("radio", { name: /^Read/ }).check();
  await dialog.getByLabel("Expires").selectOption("In 30 days");
  await dialog.getByRole("button", { name: "Create key" }).click();
  const key = await dialog.getByLabel("The API key").innerText();
  expect(await ask("GET", key)).toBe(200);
  expect(await ask("POST", key)).toBe(403);
  await dialog.getByRole("button", { name: "Done" }).click();

  const row = page.getByRole("table", { name: "API keys" }).getByRole("row").filter({ hasText: "Dashboards" });
  await expect(row).toContainText(key.slice(0, 16));
  await expect(row).toContainText("Read");
  await expect(row).toContainText(/Expires \d{4}-\d\d-\d\d/);
  await page.reload();
  await expect(row).toBeVisible();
  await expect(page.getByText(key)).toHaveCount(0);
  await expect(page.getByText("The Free plan has one API key, which is in use.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Create key" })).toBeDisabled();

  await row.getByRole("button", { name: "Revoke Dashboards" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Revoke key" }).click();
  await expect(page.getByRole("heading", { name: "No keys yet" })).toBeVisible();
  // The other replica hears of it a moment later.
  await expect.poll(() => ask("GET", key), { timeout: 2_000 }).toBe(401);
});

test("a limit that was reached elsewhere meanwhile is told in the dialog", async ({ page, context }) => {
  const person = await Person.signUp(context);
  await page.goto("/settings/api-keys");
  await page.getByRole("button", { name: "Create key" }).first().click();
  await person.key();
  await page.getByRole("dialog").getByLabel("Name").fill("One too many");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog").getByRole("alert")).toHaveText("The plan allows at most 1 of these. Upgrade the plan, or make room first.");
});

test("Write and Admin keys say what they are, of the project they belong to", async ({ page, context }) => {
  const person = await Person.signUp(context);
  await person.subscribe("pro");
  await person.key(["write"]);
  await person.key(["admin"]);
  await page.goto("/settings/api-keys");
  const table = page.getByRole("table", { name: "API keys" });
  await expect(table.getByRole("cell", { name: "Write", exact: true })).toBeVisible();
  await expect(table.getByRole("cell", { name: "Admin", exact: true })).toBeVisible();
  await expect(table.getByRole("cell", { name: "Default", exact: true })).toHaveCount(2);
  await expect(table.getByText("Never")).toHaveCount(2);
});
