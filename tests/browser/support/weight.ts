import { gzipSync } from "node:zlib";
import type { Page } from "@playwright/test";

/**
 * Opens a page and returns what its first load weighs: the scripts that were asked for before `text` stood on it, and their
 * bytes compressed. What a page fetches while one reads it, such as the renderer of Markdown, is not of the first load.
 */
export async function firstLoad(page: Page, path: string, text: string): Promise<{ scripts: number; bytes: number }> {
  const scripts = new Map<string, Promise<Buffer>>();
  page.on("response", (response) => {
    if (response.request().resourceType() === "script") scripts.set(response.url(), response.body());
  });
  await page.addInitScript((wanted) => {
    const look = () => {
      if (!document.body?.textContent?.includes(wanted)) return;
      observer.disconnect();
      (window as { shownAt?: number }).shownAt = performance.now();
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { childList: true, subtree: true, characterData: true });
  }, text);
  await page.goto(path);
  await page.waitForFunction(() => (window as { shownAt?: number }).shownAt !== undefined);
  const before = await page.evaluate(() => {
    const shownAt = (window as { shownAt?: number }).shownAt ?? 0;
    return performance.getEntriesByType("resource").filter((entry) => entry.startTime <= shownAt).map((entry) => entry.name);
  });
  const asked = [...scripts].filter(([url]) => before.includes(url)).map(([, body]) => body);
  const bodies = await Promise.all(asked);
  const bytes = bodies.map((body) => gzipSync(body).length).reduce((all, each) => all + each, 0);
  return { scripts: bodies.length, bytes };
}
