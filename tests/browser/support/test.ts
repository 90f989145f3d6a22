import { expect } from "@playwright/test";
import { test as base } from "./pages.ts";
import { Provider } from "./provider.ts";
import { Traceway } from "./traceway.ts";

export { expect };
export { barriers, rows } from "./pages.ts";
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
});
