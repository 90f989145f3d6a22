import { expect, Person, rows, singleCall, test } from "../../support/cloud.ts";

const switcher = /^Project: /;

test("a new project is empty and kept apart, in this tab and the others", async ({ page, context }) => {
  const person = await Person.signUp(context);
  await person.subscribe("pro");
  await person.ingest(singleCall("first-project", { messages: [{ role: "user", content: "Hello?" }], answer: "Hello." }));
  const second = await context.newPage();
  await second.goto("/traces");
  await expect(rows(second)).toHaveCount(1);
  await page.goto("/traces");
  await expect(rows(page)).toHaveCount(1);

  await page.getByRole("button", { name: switcher }).click();
  await page.getByRole("menuitem", { name: "Create project…" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Support bot");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Project: Support bot, in Lee & Partners" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  // The session is in the new project, so the other tab must not go on showing the old one.
  await expect(second.getByRole("heading", { name: "Send your first trace" })).toBeVisible();

  await page.getByRole("button", { name: switcher }).click();
  await page.getByRole("menuitemradio", { name: "Default" }).click();
  await expect(page.getByRole("button", { name: "Project: Default, in Lee & Partners" })).toBeVisible();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Traces" }).click();
  await expect(rows(page)).toHaveCount(1);
});

test("somebody in two organisations goes from one to the other", async ({ page, context, other }) => {
  const owner = await Person.signUp(other, { org: "Larch & Oak" });
  await owner.subscribe("pro");
  const person = await Person.signUp(context, { org: "Own Org" });
  const token = await owner.invite(person.email, "viewer");
  await page.goto(`/accept-invite?token=${token}`);
  await page.getByRole("button", { name: `Join as ${person.email}` }).click();
  await expect(page.getByRole("button", { name: "Project: Default, in Larch & Oak" })).toBeVisible();
  await page.getByRole("button", { name: switcher }).click();
  await expect(page.getByRole("menuitem", { name: "Create project…" })).toHaveCount(0);
  await page.getByRole("menuitemradio", { name: /^Own Org/ }).click();
  await expect(page.getByRole("button", { name: "Project: Default, in Own Org" })).toBeVisible();
});

test("the project's name and time range are changed, and lists begin with that range", async ({ page, context }) => {
  const person = await Person.signUp(context);
  const old = new Date(Date.now() - 3 * 86_400_000).toISOString();
  await person.ingest({ traces: [], spans: [{ id: "old", trace_id: "three-days-old", name: "old call", status: "completed", kind: { type: "custom", kind: "step" }, started_at: old, ended_at: old }] });
  await page.goto("/settings");
  const form = page.getByRole("region", { name: "Project" });
  await expect(form.getByRole("button", { name: "Save" })).toBeDisabled();
  await form.getByLabel("Name").fill("Renamed");
  await form.getByLabel("Time range of lists").selectOption("Last 24 hours");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("button", { name: "Project: Renamed, in Lee & Partners" })).toBeVisible();

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Traces" }).click();
  await expect(page.getByRole("button", { name: "Time range: Last 24 hours" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "No traces match" })).toBeVisible();
  await page.getByRole("button", { name: "Look at all time" }).click();
  await expect(rows(page).filter({ hasText: "three-days-old" })).toBeVisible();
  await rows(page).first().click();
  await page.getByRole("main").getByRole("link", { name: "Traces" }).click();
  await expect(page.getByRole("button", { name: "Time range: All time" })).toBeVisible();
});

test("retention is within the plan, in the API's words", async ({ page, context }) => {
  await Person.signUp(context);
  await page.goto("/settings");
  const days = page.getByLabel("Keep traces for");
  await expect(page.getByText("At most 7, as the Free plan keeps them.")).toBeVisible();
  await days.fill("30");
  // The browser's own check would stop the form before the server is asked.
  await days.evaluate((input: HTMLInputElement) => (input.form ?? document.forms[0])?.setAttribute("novalidate", ""));
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert")).toHaveText("The plan keeps traces for 1 to 7 days.");
  await days.fill("3");
  // Once it has heard what was saved, the form begins anew with that, and still says so.
  const heard = page.waitForResponse((response) => new URL(response.url()).pathname === "/api/projects");
  await page.getByRole("button", { name: "Save" }).click();
  await heard;
  await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();
  await page.reload();
  await expect(page.getByText("Saved", { exact: true })).toBeHidden();
  await expect(days).toHaveValue("3");
});

test("a project is deleted once its name is typed, and the default one stays", async ({ page, context }) => {
  const person = await Person.signUp(context);
  const { id } = await person.call<{ id: string }>("POST", "/api/projects", { name: "Short-lived" });
  await page.goto("/settings");
  await expect(page.getByRole("button", { name: "Delete project…" })).toBeDisabled();
  await person.call("POST", "/api/projects/switch", { project_id: id });
  await page.goto("/settings");
  await page.getByRole("button", { name: "Delete project…" }).click();
  const question = page.getByRole("alertdialog");
  await expect(question.getByRole("button", { name: "Delete project" })).toBeDisabled();
  await question.getByRole("textbox").fill("Short-lived");
  await question.getByRole("button", { name: "Delete project" }).click();
  await expect(page.getByRole("button", { name: /^Project: Default/ })).toBeVisible();
  expect(await person.call<unknown[]>("GET", "/api/projects")).toHaveLength(1);
});
