import { barriers, expect, hardTraces, manyTraces, supportTrace, test } from "../support/test.ts";

const pages: Record<string, string[]> = {
  lists: ["/", "/traces", "/traces?q=zzzz", "/traces?q=cost:much", "/traces?peek=customers-support", "/spans", "/sessions"],
  traces: [
    "/traces/customers-support?span=customers-support-plan-2",
    "/traces/customers-support?span=customers-support-reply&view=waterfall",
    "/traces/customers-support?view=reader",
    "/traces/customers-support?span=customers-support-plan-2&tab=json",
    "/traces/customers-support?span=customers-support-plan-2&tab=attributes",
    "/traces/failed?span=failed-tool",
    "/traces/running?span=running-call",
    "/traces/missing",
  ],
  others: ["/spans?span=seed-000002-b&trace=seed-000002", "/sessions/chat-1", "/sessions/chat-1?view=read", "/settings", "/settings/team", "/nowhere"],
};

for (const colorScheme of ["dark", "light"] as const) {
  test.describe(`in the ${colorScheme} theme`, () => {
    test.slow();
    // The second theme differs in its colours alone.
    const rules = colorScheme === "dark" ? [] : ["color-contrast", "link-in-text-block"];
    // Axe reads colours as they are, so nothing may be on its way in.
    test.use({ colorScheme, contextOptions: { reducedMotion: "reduce" } });

    for (const [name, paths] of Object.entries(pages)) {
      test(`axe finds nothing serious on ${name}`, async ({ page, server }) => {
        await server.ingest(manyTraces(16));
        await server.ingest(supportTrace());
        for (const batch of [hardTraces().failed, hardTraces().running]) await server.ingest(batch);
        const found: string[] = [];
        for (const path of paths) {
          await page.goto(path);
          await page.getByRole("main").locator("h1, h2").first().waitFor({ state: "attached" });
          await expect(page.locator(".skeleton, [aria-busy]")).toHaveCount(0);
          found.push(...(await barriers(page, rules)).map((barrier) => `${path} ${barrier}`));
        }
        expect(found).toEqual([]);
      });
    }

    test("axe finds nothing serious on the first page, in dialogs and menus", async ({ page, server }) => {
      await page.goto("/");
      await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
      const found = await barriers(page, rules);
      await server.ingest(supportTrace());
      await page.goto("/traces");
      const row = page.getByRole("row").filter({ hasText: "customers-support" });
      const open = [
        ["the palette", () => page.keyboard.press("Control+k")],
        ["the keys", () => page.keyboard.press("?")],
        ["suggestions", () => page.keyboard.press("/")],
        ["the time range", () => page.getByRole("button", { name: /Time range/ }).click()],
        ["columns", () => page.getByRole("button", { name: "Columns" }).click()],
        ["more", () => page.getByRole("button", { name: "More" }).click()],
        ["a question", () => row.getByRole("button", { name: /^Delete/ }).click({ force: true })],
      ] as const;
      for (const [name, act] of open) {
        await expect(row).toBeVisible();
        await act();
        await expect(page.locator("[role=dialog], [role=alertdialog], [role=menu], [role=listbox]")).not.toHaveCount(0);
        found.push(...(await barriers(page, rules)).map((barrier) => `${name}: ${barrier}`));
        await page.keyboard.press("Escape");
      }
      expect(found).toEqual([]);
    });
  });
}
