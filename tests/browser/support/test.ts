import { AxeBuilder } from "@axe-core/playwright";
import { expect, test as base, type Page } from "@playwright/test";
import { Provider } from "./provider.ts";
import { Traceway } from "./traceway.ts";

export { expect };
export * from "../../../dashboard/dev/traces.mjs";

interface Fixtures {
  provider: Provider;
  /** A server that holds nothing yet. */
  server: Traceway;
}

export const test = base.extend<Fixtures>({
  // Playwright reads the names of the fixtures one depends on; an empty pattern says there are none.
  // eslint-disable-next-line no-empty-pattern
  provider: async ({}, use) => {
    const provider = await Provider.start();
    await use(provider);
    provider.stop();
  },
  server: async ({ provider }, use) => {
    const server = await Traceway.start(provider.url);
    await use(server);
    await server.stop();
  },
  baseURL: async ({ server }, use) => use(server.api),
  // A page that throws, or breaks its own content policy, fails the test that showed it.
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
