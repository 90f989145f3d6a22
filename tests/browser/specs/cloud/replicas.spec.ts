import { CLOUD, expect, freshEmail, PASSWORD, rows, test } from "../../support/cloud.ts";
import { Provider } from "../../support/provider.ts";

test("a call with a new key through one replica runs and ends before the eyes of who looks at another", async ({ page, other }) => {
  const [here, there] = CLOUD.replicas;
  if (here === undefined || there === undefined) throw new Error("two replicas are needed");
  const email = freshEmail();

  await page.goto(`${here.api_url}/signup`);
  await page.getByLabel("Your name").fill("Ann Lee");
  await page.getByLabel("Organisation").fill("Lee & Partners");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await page.getByLabel("The API key").innerText();
  expect(key).toMatch(/^tw_sk_[\w-]{32}$/);

  const theirs = await other.newPage();
  const asked = new Set<string>();
  const streams: string[] = [];
  let loads = 0;
  theirs.on("load", () => loads++);
  theirs.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http")) asked.add(url.origin);
    if (url.pathname === "/api/events") streams.push(url.origin);
  });
  await theirs.goto(`${there.api_url}/login?next=/traces`);
  await theirs.getByLabel("E-mail").fill(email);
  await theirs.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await theirs.keyboard.press("Enter");
  await expect(theirs.getByText("Listening for traces")).toBeVisible();
  await expect(theirs.getByRole("button", { name: "Live stream: Live" })).toBeVisible();
  await theirs.waitForLoadState("load");

  const provider = await Provider.start();
  try {
    const before = loads;
    const answer = await fetch(`${here.proxy_url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-test", "x-traceway-api-key": key, "x-forward-url": provider.url },
      body: JSON.stringify({ model: "gpt-4o-mini", stream: true, messages: [{ role: "user", content: "Stream slowly." }] }),
    });
    expect(answer.status).toBe(200);
    const row = rows(theirs).first();
    await expect(row.getByRole("img", { name: "running" })).toBeVisible();
    await expect(row).toContainText("gpt-4o-mini");
    await row.click();
    await expect(theirs.getByText("Stream slowly.")).toBeVisible();
    await expect(theirs.getByText("Waiting for the output")).toBeVisible();

    provider.finish();
    expect(await answer.text()).toContain("and the rest.");
    await expect(theirs.getByText("Half of the answer, and the rest.")).toBeVisible();
    await theirs.getByRole("link", { name: "Traces", exact: true }).first().click();
    await expect(rows(theirs).first().getByRole("img", { name: "completed" })).toBeVisible();
    await expect(rows(theirs).first()).toContainText("1.5 k");

    expect(loads, "the page was not loaded again").toBe(before);
    expect([...asked], "the other replica alone was asked").toEqual([new URL(there.api_url).origin]);
    expect(streams.length).toBeGreaterThan(0);
    // Who created the key sees it as well, where the onboarding was.
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Traces" }).click();
    await expect(rows(page).first().getByRole("img", { name: "completed" })).toBeVisible();
  } finally {
    provider.stop();
  }
});
