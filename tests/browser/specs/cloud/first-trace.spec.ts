import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { CLOUD, expect, Person, rows, test } from "../../support/cloud.ts";

const run = promisify(execFile);

test("an empty project leads from a key to the first trace, which appears by itself", async ({ page, context }) => {
  await Person.signUp(context);
  await page.goto("/traces");
  await expect(page.getByText("Listening for traces")).toBeVisible();
  await page.getByLabel("Name of the key").fill("Laptop");
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await page.getByLabel("The API key").innerText();
  expect(key).toMatch(/^tw_sk_[\w-]{32}$/);
  await page.getByRole("button", { name: "Copy key" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
  await page.getByRole("button", { name: "Copy .env" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`TRACEWAY_URL=${CLOUD.url}\nTRACEWAY_API_KEY=${key}`);

  // The key stays on every page that waits, until one of them has something else to show.
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Overview" }).click();
  await expect(page.getByLabel("The API key")).toHaveText(key);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Traces" }).click();

  await page.getByRole("tab", { name: "curl" }).click();
  await page.getByRole("tabpanel").getByRole("button", { name: "Copy" }).click();
  const snippet = await page.evaluate(() => navigator.clipboard.readText());
  const { stdout } = await run("bash", ["-c", snippet]);
  expect(JSON.parse(stdout)).toMatchObject({ accepted_spans: 1, rejected: [] });
  await expect(rows(page).filter({ hasText: "hello" })).toBeVisible();
  await expect(page.getByLabel("The API key")).toHaveCount(0);
});

test("the snippets send what they say: OpenTelemetry with the key as a header, the proxy refusing a wrong one", async ({ page, context }) => {
  await Person.signUp(context);
  await page.goto("/spans");
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await page.getByLabel("The API key").innerText();
  await page.getByRole("tab", { name: "OpenTelemetry" }).click();
  const lines = await page.getByRole("tabpanel").locator("pre").innerText();
  const url = /ENDPOINT=(\S+)/.exec(lines)?.[1] ?? "";
  const [name, value] = decodeURIComponent(/HEADERS="(.*)"/.exec(lines)?.[1] ?? "").replace("$TRACEWAY_API_KEY", key).split("=") as [string, string];
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = { traceId: "5b8efff798038103d269b633813fc60c", spanId: "eee19b7ec3c1b174", name: "over-otel", kind: 1, startTimeUnixNano: String(now), endTimeUnixNano: String(now + 5_000_000n) };
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", [name]: value },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
  });
  expect(answer.status, await answer.text()).toBe(200);
  await expect(rows(page).filter({ hasText: "over-otel" })).toBeVisible();

  const proxied = await fetch(`${CLOUD.url}/proxy/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json", "x-traceway-api-key": "tw_sk_wrong" }, body: "{}" });
  expect(proxied.status).toBe(401);
});

test("somebody who may not create keys is told whom to ask", async ({ page, context, other }) => {
  const owner = await Person.signUp(other);
  await owner.subscribe("pro");
  await owner.welcome(context, "viewer");
  await page.goto("/");
  await expect(page.getByText(/Admins create keys under Settings/)).toBeVisible();
  await expect(page.getByRole("button", { name: "Create key" })).toHaveCount(0);
});

test("a plan whose keys are in use says so, and leads to the plans", async ({ page, context }) => {
  const person = await Person.signUp(context);
  await person.key();
  await page.goto("/");
  await expect(page.getByText(/The Free plan has one API key/)).toBeVisible();
  await expect(page.getByText(/This project has a key already/)).toContainText("tw_sk_");
  await page.getByRole("link", { name: "See the plans" }).click();
  await expect(page).toHaveURL(/\/settings\/billing$/);
});
