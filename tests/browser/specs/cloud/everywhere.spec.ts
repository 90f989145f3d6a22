import { barriers, expect, freshEmail, Person, stranger, supportTrace, test } from "../../support/cloud.ts";
import { firstLoad } from "../../support/weight.ts";

const DOORS = ["/login", "/signup", "/forgot-password", "/reset-password", "/reset-password?token=x", "/accept-invite", "/accept-invite?token=x"];
const SECTIONS = ["/settings", "/settings/api-keys", "/settings/team", "/settings/usage", "/settings/billing"];

for (const colorScheme of ["dark", "light"] as const) {
  test.describe(`in the ${colorScheme} theme`, () => {
    test.slow();
    const rules = colorScheme === "dark" ? [] : ["color-contrast", "link-in-text-block"];
    test.use({ colorScheme, contextOptions: { reducedMotion: "reduce" } });

    test("axe finds nothing serious at the doors", async ({ page }) => {
      const found: string[] = [];
      for (const path of DOORS) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        found.push(...(await barriers(page, rules)).map((barrier) => `${path} ${barrier}`));
      }
      await page.goto("/login");
      await page.getByLabel("E-mail").fill(freshEmail());
      await page.getByLabel("Password", { exact: true }).fill("wrong");
      await page.keyboard.press("Enter");
      await expect(page.getByRole("alert")).toBeVisible();
      found.push(...(await barriers(page, rules)));
      expect(found).toEqual([]);
    });

    test("axe finds nothing serious in settings, onboarding, menus and dialogs", async ({ page, context }) => {
      const person = await Person.signUp(context);
      const found: string[] = [];
      const check = async (what: string) => found.push(...(await barriers(page, rules)).map((barrier) => `${what}: ${barrier}`));
      await page.goto("/");
      await page.getByLabel("Name of the key").waitFor();
      await check("onboarding");
      await page.getByRole("button", { name: /^Project: / }).click();
      await check("projects");
      await page.getByRole("menuitem", { name: "Create project…" }).click();
      await check("a new project");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /^Account: / }).click();
      await check("account");
      await page.keyboard.press("Escape");
      await page.goto("/settings/api-keys");
      await page.getByRole("button", { name: "Create key" }).first().click();
      await check("a new key");
      await page.getByRole("dialog").getByLabel("Name").fill("Axe");
      await page.keyboard.press("Enter");
      await page.getByLabel("The API key").waitFor();
      await check("a whole key");
      await page.keyboard.press("Escape");
      await page.goto("/");
      await page.getByText("The Free plan has one API key").waitFor();
      await check("onboarding with a full plan");
      await person.subscribe("pro");
      await person.invite(freshEmail(), "admin");
      for (const path of SECTIONS) {
        await page.goto(path);
        await page.getByRole("region").first().waitFor();
        await expect(page.locator(".skeleton, [aria-busy]")).toHaveCount(0);
        await check(path);
      }
      expect(found).toEqual([]);
    });
  });
}

test.describe("on a narrow screen", () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test("no page is wider than the screen, and every action is on it", async ({ page, context, browser }) => {
    const person = await Person.signUp(context, { org: "An organisation whose name goes on for quite a while" });
    await person.subscribe("pro");
    await person.call("PATCH", `/api/projects/${(await person.call<{ project_id: string }>("GET", "/api/auth/me")).project_id}`, { name: "A project with a long name, too ".repeat(4) });
    await person.key();
    const [theirs, email] = [await stranger(browser), freshEmail("a-rather-long-name-before-the-at-sign")];
    await person.welcome(theirs, "viewer", email);
    const invited = freshEmail("somebody-else-with-a-long-name");
    await person.invite(invited);
    for (const path of ["/", "/traces", ...SECTIONS]) {
      await page.goto(path);
      await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
      await page.getByRole("main").locator("h1, h2").first().waitFor({ state: "attached" });
      await expect(page.locator(".skeleton, [aria-busy]")).toHaveCount(0);
      const cut = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(cut, path).toBeLessThanOrEqual(0);
    }
    await page.goto("/settings/team");
    for (const name of [`Remove ${email}`, `Revoke the invite for ${invited}`]) {
      const box = await page.getByRole("button", { name }).boundingBox();
      expect((box?.x ?? 999) + (box?.width ?? 0)).toBeLessThanOrEqual(390);
    }
    await page.goto("/settings/api-keys");
    const box = await page.getByRole("button", { name: "Revoke Tests" }).boundingBox();
    expect((box?.x ?? 999) + (box?.width ?? 0)).toBeLessThanOrEqual(390);
    await page.getByRole("button", { name: /^Account: / }).click();
    await page.getByRole("menuitem", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    for (const path of DOORS) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), path).toBeLessThanOrEqual(0);
    }
    await theirs.close();
  });
});

test("a first key is made with the keyboard alone", async ({ page, context }) => {
  await Person.signUp(context);
  await page.goto("/");
  await page.getByLabel("Name of the key").waitFor();
  await expect(async () => {
    await page.keyboard.press("g");
    await page.keyboard.press(",");
    await expect(page).toHaveURL(/\/settings$/, { timeout: 2_000 });
  }).toPass();
  await page.keyboard.press("Control+k");
  await expect(page.getByPlaceholder(/Go to a page/)).toBeFocused();
  await page.keyboard.type("api key");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/settings\/api-keys$/);
  const create = page.getByRole("button", { name: "Create key" }).first();
  await create.waitFor();
  for (let step = 0; step < 30 && !(await create.evaluate((button) => button === document.activeElement)); step++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog").getByLabel("Name")).toBeFocused();
  await page.keyboard.type("Typed");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("The API key")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("row").filter({ hasText: "Typed" })).toBeVisible();
});

for (const [path, text] of [
  ["/login", "Log in"],
  ["/", "customers-support"],
  ["/traces", "customers-support"],
  ["/traces/customers-support", "lookup_order"],
  ["/settings", "Project"],
  ["/settings/team", "Team"],
  ["/settings/billing", "Plan"],
] as const) {
  test(`the scripts of a first load of ${path} are at most 250 kB compressed`, async ({ page, context }) => {
    if (path !== "/login") await (await Person.signUp(context)).ingest(supportTrace());
    const { scripts, bytes } = await firstLoad(page, path, text);
    console.log(`${path}: ${scripts} scripts, ${Math.round(bytes / 1000)} kB compressed`);
    expect(scripts).toBeGreaterThan(1);
    expect(bytes).toBeLessThanOrEqual(250_000);
  });
}
