import { expect, freshEmail, PASSWORD, Person, stranger, supportTrace, test, tokenOfMail } from "../../support/cloud.ts";

test("a plan for one person says so instead of inviting", async ({ page, context }) => {
  await Person.signUp(context);
  await page.goto("/settings/team");
  await expect(page.getByText("The Free plan is for one person. Upgrade to invite others.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Invite" })).toBeDisabled();
  await expect(page.getByRole("table", { name: "Members" }).getByRole("row")).toHaveCount(2);
  await expect(page.getByText("Ann Lee (you)")).toBeVisible();
});

test("somebody is invited by mail, joins with a new account, is made an admin and removed", async ({ page, context, browser }) => {
  const owner = await Person.signUp(context);
  await owner.subscribe("pro");
  const email = freshEmail("bob");
  await page.goto("/settings/team");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Role", { exact: true }).selectOption("Viewer");
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await expect(page.getByText(`The invite for ${email} is on its way.`)).toBeVisible();
  await expect(page.getByRole("table", { name: "Open invites" }).getByRole("row").filter({ hasText: email })).toContainText(/viewer.*in [67] d/);

  const theirs = await stranger(browser);
  const their = await theirs.newPage();
  await their.goto(`/accept-invite?token=${await tokenOfMail(email, "accept-invite")}`);
  await their.getByLabel("Your name").fill("Bob");
  await their.getByLabel("Password", { exact: true }).fill("short");
  await their.getByRole("button", { name: "Join" }).click();
  await expect(their.getByRole("alert")).toHaveText("A password has 8 to 1024 characters.");
  await their.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await their.getByRole("button", { name: "Join" }).click();
  await expect(their.getByRole("button", { name: "Project: Default, in Lee & Partners" })).toBeVisible();
  await their.goto("/settings");
  await expect(their.getByRole("navigation", { name: "Settings" }).getByRole("link")).toHaveText(["General", "Team", "Usage"]);

  await page.reload();
  await expect(page.getByRole("table", { name: "Open invites" })).toHaveCount(0);
  await page.getByLabel(`Role of ${email}`).selectOption("Admin");
  await expect(page.getByLabel(`Role of ${email}`)).toHaveValue("admin");
  await expect.poll(async () => (await owner.call<{ email: string; role: string }[]>("GET", "/api/org/members")).find((each) => each.email === email)?.role).toBe("admin");
  // A replica that did not make a change hears of it a moment later.
  await expect(async () => {
    await their.reload();
    const links = their.getByRole("navigation", { name: "Settings" }).getByRole("link");
    await expect(links).toHaveText(["General", "API keys", "Team", "Usage", "Billing"], { timeout: 2_000 });
  }).toPass({ timeout: 10_000 });
  // An admin leaves owners alone.
  await their.goto("/settings/team");
  await expect(their.getByLabel(`Role of ${email}`)).toBeVisible();
  await expect(their.getByLabel(`Role of ${owner.email}`)).toHaveCount(0);

  await page.getByRole("button", { name: `Remove ${email}` }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove" }).click();
  await expect(page.getByText(email)).toHaveCount(0);
  await their.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Traces" }).click();
  await expect(async () => {
    if (new URL(their.url()).pathname !== "/login") await their.reload();
    await expect(their).toHaveURL((url) => url.pathname === "/login", { timeout: 2_000 });
  }).toPass({ timeout: 10_000 });
  await theirs.close();
});

test("a revoked invite says that it does not work", async ({ page, context, browser }) => {
  const owner = await Person.signUp(context);
  await owner.subscribe("pro");
  const email = freshEmail("eve");
  const token = await owner.invite(email);
  await page.goto("/settings/team");
  await page.getByRole("button", { name: `Revoke the invite for ${email}` }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Revoke invite" }).click();
  await expect(page.getByRole("table", { name: "Open invites" })).toHaveCount(0);
  const theirs = await stranger(browser);
  const their = await theirs.newPage();
  await their.goto(`/accept-invite?token=${token}`);
  await their.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await their.getByRole("button", { name: "Join" }).click();
  await expect(their.getByRole("heading", { name: "This invite does not work" })).toBeVisible();
  await expect(their.getByRole("alert")).toHaveText("There is no such invite, or it was used.");
  await theirs.close();
});

test("an account joins with its own password, and a session only for its own address", async ({ page, context, other, browser }) => {
  const owner = await Person.signUp(other, { org: "Larch & Oak" });
  await owner.subscribe("pro");
  const theirs = await stranger(browser);
  const invited = await Person.signUp(theirs);
  const token = await owner.invite(invited.email);

  const somebody = await Person.signUp(context);
  await page.goto(`/accept-invite?token=${token}`);
  await page.getByRole("button", { name: `Join as ${somebody.email}` }).click();
  await expect(page.getByRole("alert")).toHaveText(`The invite is for another address than ${somebody.email}.`);
  await page.getByRole("button", { name: "Join with the address the invite was sent to" }).click();
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Join" }).click();
  await expect(page.getByRole("alert")).toHaveText("An account with this e-mail exists, and its password is another.");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Join" }).click();
  await expect(page.getByRole("button", { name: `Account: ${invited.email}` })).toBeVisible();
  await expect(page.getByRole("button", { name: /in Larch & Oak$/ })).toBeVisible();
  await theirs.close();
});

test("a viewer sees everything and changes nothing", async ({ page, context, other }) => {
  const owner = await Person.signUp(other);
  await owner.subscribe("pro");
  await owner.ingest(supportTrace());
  await owner.welcome(context, "viewer");
  await page.goto("/traces");
  await expect(page.getByRole("row").filter({ hasText: "customers-support" })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Delete/ })).toHaveCount(0);
  await page.getByRole("button", { name: "More" }).click();
  await expect(page.getByRole("menuitem")).toHaveText(["Export everything as JSON"]);
  await page.goto("/traces/customers-support?span=customers-support-reply");
  await expect(page.getByText("A new one is on its way")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Delete/ })).toHaveCount(0);
  await page.goto("/settings");
  await expect(page.getByRole("region", { name: "Project" })).toContainText("Default");
  await expect(page.getByRole("textbox")).toHaveCount(0);
  await expect(page.getByText("Danger zone")).toHaveCount(0);
  await page.goto("/settings/team");
  await expect(page.getByRole("table", { name: "Members" }).getByRole("row")).toHaveCount(3);
  await expect(page.getByRole("button", { name: /Invite|Remove|Revoke/ })).toHaveCount(0);
  for (const path of ["/settings/api-keys", "/settings/billing"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { name: "Your role does not show this" })).toBeVisible();
  }
  await page.goto("/settings/usage");
  await expect(page.getByRole("meter", { name: "Spans" })).toBeVisible();
});

test("a member deletes traces, and does not see keys and billing", async ({ page, context, other }) => {
  const owner = await Person.signUp(other);
  await owner.subscribe("pro");
  await owner.ingest(supportTrace());
  await owner.welcome(context, "member");
  await page.goto("/traces/customers-support");
  await page.getByRole("button", { name: "Delete trace" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete trace" }).click();
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  await page.goto("/settings");
  await expect(page.getByRole("navigation", { name: "Settings" }).getByRole("link")).toHaveText(["General", "Team", "Usage"]);
  await expect(page.getByRole("button", { name: "Clear all data…" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Delete project…" })).toHaveCount(0);
});
