import { CLOUD, expect, freshEmail, PASSWORD, Person, test, tokenOfMail, watchForShell } from "../../support/cloud.ts";

const main = { name: "Main" };

test("nobody sees the shell before logging in, and then comes where they wanted to", async ({ page, other }) => {
  const person = await Person.signUp(other);
  const wasShown = await watchForShell(page);
  for (const path of ["/", "/traces?q=status:failed", "/settings/team", "/nowhere"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
    await expect(page).toHaveURL((url) => url.pathname === "/login" && decodeURIComponent(url.searchParams.get("next") ?? "/") === path);
  }
  expect(await wasShown()).toBe(false);
  await page.goto("/traces?q=status:failed");
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL((url) => url.pathname === "/traces" && url.searchParams.get("q") === "status:failed");
  await expect(page.getByRole("navigation", main)).toBeVisible();
});

test("a wrong password and an unknown address are told in the same words", async ({ page, other }) => {
  const person = await Person.signUp(other);
  await page.goto("/login");
  for (const email of [person.email, freshEmail()]) {
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password", { exact: true }).fill("not the password");
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByRole("alert")).toHaveText("The e-mail or the password is wrong.");
  }
  await expect(page).toHaveURL(/\/login$/);
});

test("next leads to no other site", async ({ page, other }) => {
  const person = await Person.signUp(other);
  await page.goto(`/login?next=${encodeURIComponent("//example.com/")}`);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  expect(new URL(page.url()).origin).toBe(new URL(CLOUD.url).origin);
});

test("who tries too often is told how long to wait", async ({ page, context }) => {
  for (let attempt = 0; attempt < 10; attempt++) {
    await context.request.post("/api/auth/login", { data: { email: freshEmail(), password: "guess" } });
  }
  await page.goto("/login");
  await page.getByLabel("E-mail").fill(freshEmail());
  await page.getByLabel("Password", { exact: true }).fill("guess");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toHaveText(/Too many requests\. Try again in \d+ seconds?\./);
});

test("signing up says what is wrong with the password and the address, and then leads in", async ({ page, other }) => {
  const taken = await Person.signUp(other);
  await page.goto("/login");
  await page.getByRole("link", { name: "Sign up" }).click();
  await expect(page.getByRole("heading", { name: "Create an account" })).toBeVisible();
  await page.getByLabel("E-mail").fill(taken.email);
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByLabel("Your name").fill("Ann Lee");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("alert")).toHaveText("A password has at least 8 characters.");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("alert")).toHaveText("An account with this e-mail exists.");
  await page.getByLabel("E-mail").fill(freshEmail());
  await page.getByLabel("Organisation").fill("Larch & Oak");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Project: Default, in Larch & Oak" })).toBeVisible();
});

test("a forgotten password is set anew with the link of the mail, once", async ({ page, other }) => {
  const person = await Person.signUp(other);
  await page.goto("/login");
  await page.getByRole("link", { name: "Forgot it?" }).click();
  await expect(page.getByRole("heading", { name: "Forgot your password?" })).toBeVisible();
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByRole("status")).toContainText(`If ${person.email} has an account`);
  const token = await tokenOfMail(person.email, "reset-password");

  await page.goto(`/reset-password?token=${token}`);
  await page.getByLabel("New password").fill("another password");
  await page.getByLabel("The same again").fill("another pasword");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByRole("alert")).toHaveText("The two passwords differ.");
  await page.getByLabel("The same again").fill("another password");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByRole("heading", { name: "Your password is changed" })).toBeVisible();

  await page.getByRole("link", { name: "Log in" }).click();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toHaveText("The e-mail or the password is wrong.");
  await page.getByLabel("Password", { exact: true }).fill("another password");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation", main)).toBeVisible();

  await page.goto(`/reset-password?token=${token}`);
  await page.getByLabel("New password").fill("a third password");
  await page.getByLabel("The same again").fill("a third password");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "This link does not work" })).toBeVisible();
  await expect(page.getByRole("alert")).toHaveText("The link is unknown, used or expired.");
});

test("asking for a link says the same of an address nobody has, and not too often", async ({ page }) => {
  const email = freshEmail();
  await page.goto("/forgot-password");
  for (let time = 0; time < 4; time++) {
    await page.getByLabel("E-mail").fill(email);
    await page.getByRole("button", { name: "Send the link" }).click();
    if (time === 3) break;
    await expect(page.getByRole("status")).toContainText(`If ${email} has an account`);
    await page.getByRole("button", { name: "Use another address" }).click();
  }
  await expect(page.getByRole("alert")).toHaveText(/Too many requests\. Try again in \d+ (minutes|hours?)\./);
});

test("a session that ends anywhere leads to the way in, and back", async ({ page, context }) => {
  const person = await Person.signUp(context);
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  await context.clearCookies();
  await page.getByRole("navigation", main).getByRole("link", { name: "Spans" }).click();
  await expect(page).toHaveURL((url) => url.pathname === "/login" && url.searchParams.get("next") === "/spans");
  await expect(page.getByRole("navigation", main)).toHaveCount(0);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/spans$/);
});

test("logging out ends the session in every tab", async ({ page, context }) => {
  await Person.signUp(context);
  await page.goto("/traces");
  const second = await context.newPage();
  await second.goto("/settings");
  await expect(second.getByRole("region", { name: "Server" })).toBeVisible();
  await page.getByRole("button", { name: /^Account: / }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  await expect(second.getByRole("heading", { name: "Log in" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  await expect(page.getByRole("navigation", main)).toHaveCount(0);
});

test("who is in already is led on from the doors", async ({ page, context }) => {
  await Person.signUp(context);
  await page.goto("/login?next=%2Fsessions");
  await expect(page).toHaveURL(/\/sessions$/);
  await page.goto("/signup");
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
});

test("a server that cannot be reached is named, and the page goes on by itself once it can", async ({ page, context }) => {
  await Person.signUp(context);
  await page.route("**/api/auth/config", (route) => route.abort());
  await page.goto("/traces");
  await expect(page.getByRole("heading", { name: "The server cannot be reached" })).toBeVisible();
  await page.unroute("**/api/auth/config");
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
});
