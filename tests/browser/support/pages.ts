import { AxeBuilder } from "@axe-core/playwright";
import { expect, test as base, type Page } from "@playwright/test";

/** Pages that fail their test when they throw, or break their own content policy. */
export const test = base.extend({
  page: async ({ page }, use) => {
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) problems.push(message.text());
    });
    await use(page);
    expect(problems).toEqual([]);
  },
});

/** The rows of the list on screen. */
export const rows = (page: Page) => page.getByRole("rowgroup").last().getByRole("row");

/** What axe finds that keeps people from using the page; of `rules` alone, when some are named. */
export async function barriers(page: Page, rules: string[] = []): Promise<string[]> {
  // Listing what passes takes longer than the checks.
  const axe = new AxeBuilder({ page }).options({ resultTypes: ["violations"] });
  const { violations } = await (rules.length > 0 ? axe.withRules(rules) : axe).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)} (${node.any[0]?.message ?? node.all[0]?.message ?? node.none[0]?.message ?? ""})`));
}
