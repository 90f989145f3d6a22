import { expect, supportTrace, test } from "../support/test.ts";

test.beforeEach(async ({ server }) => {
  await server.ingest(supportTrace());
});

test("the palette finds pages, traces and text, with the keyboard alone", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.keyboard.press("Control+k");
  const field = page.getByPlaceholder(/Go to a page/);
  await expect(field).toBeFocused();
  await page.keyboard.type("sess");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/sessions$/);

  await page.keyboard.press("Control+k");
  // What is listed before is the answer to less.
  const answered = page.waitForResponse(/name_contains=customers(&|$)/);
  await page.keyboard.type("customers");
  await answered;
  await page.getByRole("option", { name: /customers-support/ }).first().waitFor();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/traces\/customers-support$/);

  await page.keyboard.press("Control+k");
  await page.keyboard.type("four bolts");
  await page.getByRole("option", { name: "write-reply" }).click();
  await expect(page).toHaveURL(/span=customers-support-reply/);

  await page.keyboard.press("Control+k");
  await page.keyboard.press("Escape");
  await expect(field).toHaveCount(0);
  await expect(page).toHaveURL(/span=customers-support-reply/);
});

test("g and a letter go to pages", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  for (const [key, path] of [["t", "/traces"], ["s", "/spans"], ["e", "/sessions"], [",", "/settings"], ["o", "/"]] as const) {
    // Both within a second, which a busy machine may miss.
    await expect(async () => {
      await page.keyboard.press("g");
      await page.keyboard.press(key);
      await expect(page).toHaveURL((url) => url.pathname === path, { timeout: 2_000 });
    }).toPass();
  }
});

test("the theme follows the system until one is chosen, which is remembered", async ({ page }) => {
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.goto("/");
  await expect(page.getByRole("button", { name: "As the system" })).toHaveAttribute("aria-pressed", "true");
  expect(await theme()).toBe("dark");
  await page.emulateMedia({ colorScheme: "light" });
  await expect.poll(theme).toBe("light");
  await page.getByRole("button", { name: "Dark" }).click();
  expect(await theme()).toBe("dark");
  await page.reload();
  expect(await theme()).toBe("dark");
});

test("a server that cannot be reached is named, and the page goes on once it can", async ({ page, server }) => {
  await page.route("**/api/health", (route) => route.abort());
  await page.goto("/traces");
  await expect(page.getByRole("heading", { name: "The server cannot be reached" })).toBeVisible();
  // The page asks again every three seconds: right after it did, there is time to be quicker.
  await page.waitForEvent("requestfailed", (request) => request.url().endsWith("/api/health"));
  await page.unroute("**/api/health");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("row").filter({ hasText: "customers-support" })).toBeVisible();
  expect(server.api).toContain("127.0.0.1");
});

test("going to a page while the server is away keeps the frame, and goes on once it is back", async ({ page, server }) => {
  await page.goto("/");
  await expect(page.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await server.kill();
  await expect(page.getByRole("img", { name: "The server cannot be reached" })).toBeVisible({ timeout: 15_000 });
  await page.getByRole("navigation").getByRole("link", { name: "Spans" }).click();
  await expect(page.getByRole("heading", { name: "The server cannot be reached" })).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  await server.restart();
  await expect(page.getByRole("row").filter({ hasText: "write-reply" })).toBeVisible({ timeout: 15_000 });
  await expect(page.getByRole("img", { name: "The server is well" })).toBeVisible();
});

test("one walks through a page with Tab and always sees where one is", async ({ page }) => {
  await page.goto("/traces");
  await expect(page.getByRole("row").filter({ hasText: "customers-support" })).toBeVisible();
  const seen: string[] = [];
  for (let step = 0; step < 26; step++) {
    await page.keyboard.press("Tab");
    const { name, marked } = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const style = getComputedStyle(element);
      return {
        name: element === document.body ? "" : (element.getAttribute("aria-label") ?? element.textContent ?? ""),
        marked: element === document.body || style.outlineStyle !== "none" || style.boxShadow !== "none",
      };
    });
    expect(marked, `focus on "${name}" is visible`).toBe(true);
    seen.push(name);
    // Tab accepts a suggestion only where something was typed.
    if (name.startsWith("Search traces")) await page.keyboard.press("Escape").then(() => page.getByRole("combobox").focus());
  }
  for (const name of ["Traces", "Columns", "More", "Delete customers-support"]) expect(seen.some((each) => each === name || each.startsWith(name))).toBe(true);
});
