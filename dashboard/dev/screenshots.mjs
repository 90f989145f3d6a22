// Takes pictures of every page of a seeded server in both themes and two sizes, and of some at 200 % zoom:
//   node dev/screenshots.mjs http://localhost:3000 /tmp/shots [names,…]
// `readme` as the name renews docs/images/trace.png. With TRACEWAY_LOGIN=email:password it logs in first, and takes the
// pages of the cloud, too.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { send, supportTrace } from "./traces.mjs";

const base = process.argv[2] ?? "http://localhost:3000";
const folder = process.argv[3] ?? "/tmp/shots";
const only = process.argv[4]?.split(",");
mkdirSync(folder, { recursive: true });

const pages = [
  ["overview", "/"],
  ["traces", "/traces"],
  ["traces-search", "/traces?q=status:failed%20model:gpt-4o"],
  ["traces-peek", "/traces?peek=seed-000002"],
  ["traces-none", "/traces?q=zzzz"],
  ["traces-bad", "/traces?q=cost:much"],
  ["traces-name", "/traces?q=name:%22goes%20on%22"],
  ["trace", "/traces/customers-support?span=customers-support-plan-2"],
  ["trace-waterfall", "/traces/customers-support?span=customers-support-reply&view=waterfall"],
  ["trace-reader", "/traces/customers-support?view=reader"],
  ["trace-tool", "/traces/customers-support?span=customers-support-stock"],
  ["trace-json", "/traces/customers-support?span=customers-support-plan-2&tab=json"],
  ["trace-attributes", "/traces/customers-support?span=customers-support-plan-2&tab=attributes"],
  ["trace-failed", "/traces/failed?span=failed-tool"],
  ["trace-running", "/traces/running?span=running-call"],
  ["trace-large", "/traces/large?view=waterfall&span=call-17"],
  ["trace-words", "/traces/words?span=words-call"],
  ["trace-scripts", "/traces/scripts?span=scripts-call"],
  ["trace-named", "/traces/named?span=named-call"],
  ["trace-picture", "/traces/picture?span=picture-call"],
  ["trace-missing", "/traces/no-such-trace"],
  ["spans", "/spans"],
  ["spans-panel", "/spans?span=seed-000002-b&trace=seed-000002"],
  ["sessions", "/sessions"],
  ["session", "/sessions/chat-1"],
  ["session-read", "/sessions/chat-1?view=read"],
  ["settings", "/settings"],
];
const cloudPages = [
  ["api-keys", "/settings/api-keys"],
  ["team", "/settings/team"],
  ["usage", "/settings/usage"],
  ["billing", "/settings/billing"],
];
const [email, ...password] = process.env.TRACEWAY_LOGIN?.split(":") ?? [];
if (email !== undefined) pages.push(...cloudPages);
const zoomed = ["overview", "traces", "trace", "trace-waterfall", "spans-panel", "session"];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"],
});

/** A page of the given size that says what goes wrong on it. */
async function open(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("pageerror", (error) => console.log("page error:", error.message));
  page.on("console", (message) => message.type() === "error" && console.log("console:", message.text().slice(0, 200)));
  if (email !== undefined) {
    const answer = await context.request.post(`${base}/api/auth/login`, { headers: { origin: base }, data: { email, password: password.join(":") } });
    if (!answer.ok()) throw new Error(await answer.text());
  }
  return page;
}

async function picture(page, name, path, file) {
  await page.goto(base + path);
  await page.waitForTimeout(900);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) console.log(`${name}: ${overflow} px too wide`);
  await page.screenshot({ path: file });
}

if (only?.includes("readme")) {
  await send(base, supportTrace());
  const page = await open({ viewport: { width: 1440, height: 900 }, colorScheme: "dark" });
  await picture(page, "readme", "/traces/customers-support?span=customers-support-plan-1&view=waterfall", new URL("../../docs/images/trace.png", import.meta.url).pathname);
} else {
  const chosen = pages.filter(([name]) => only === undefined || only.includes(name));
  for (const colorScheme of ["dark", "light"]) {
    for (const [width, height, scale] of [[1440, 900, 1], [390, 844, 1], [720, 450, 2]]) {
      const page = await open({ viewport: { width, height }, colorScheme, deviceScaleFactor: scale });
      for (const [name, path] of chosen) {
        if (scale === 2 && !zoomed.includes(name)) continue;
        await picture(page, `${name} at ${width}`, path, `${folder}/${name}-${colorScheme}-${width}.png`);
      }
      await page.context().close();
    }
  }
}
await browser.close();
