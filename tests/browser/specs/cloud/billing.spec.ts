import { billingSays, expect, manyTraces, Person, test } from "../../support/cloud.ts";

/** Spans that cost little to send. */
const spans = (count: number, from = 0) => ({
  traces: [],
  spans: Array.from({ length: count }, (_, index) => ({ id: `s${from + index}`, trace_id: `t${Math.floor((from + index) / 500)}`, name: "step", status: "completed", kind: { type: "custom", kind: "step" } })),
});

for (const [count, fill, words] of [[8200, "near", "82 % of the month's spans are used."], [10_000, "full", "The month's spans are used up."]] as const) {
  test(`a bar of ${count} in 10,000 spans is ${fill}`, async ({ page, context }) => {
    test.slow();
    const person = await Person.signUp(context);
    await person.ingest(spans(count));
    await page.goto("/settings/usage");
    await expect(page.getByRole("meter", { name: "Spans" })).toHaveAttribute("data-fill", fill);
    await expect(page.getByRole("region", { name: "This month" })).toContainText(`${count.toLocaleString("en-US")} of 10,000`);
    await expect(page.getByText(words)).toBeVisible();
    await page.getByRole("link", { name: "See the plans" }).click();
    await expect(page).toHaveURL(/\/settings\/billing$/);
  });
}

test("usage counts what was sent, of the organisation and of the project lately", async ({ page, context }) => {
  const person = await Person.signUp(context);
  await person.ingest(manyTraces(3));
  await page.goto("/settings/usage");
  const month = page.getByRole("region", { name: "This month" });
  await expect(month).toContainText("1 of 1");
  await expect(page.getByRole("meter", { name: "Spans" })).toHaveAttribute("data-fill", "fine");
  await expect(page.getByRole("row").filter({ hasText: "Last 30 days" }).getByRole("cell").nth(1)).toHaveText("3");
});

test("a plan is bought: the checkout, the return from it, and the plan once the billing service tells", async ({ page, context }) => {
  const person = await Person.signUp(context);
  await page.route("https://polar.example/**", (route) => route.fulfill({ contentType: "text/html", body: "<h1>Checkout</h1>" }));
  await page.goto("/settings/billing");
  await expect(page.getByRole("listitem", { name: "Free" })).toHaveAttribute("aria-current", "true");
  for (const [plan, text] of [["Free", "10,000 spans"], ["Pro", "$20"], ["Team", "$100"], ["Enterprise", "On request"]] as const) {
    await expect(page.getByRole("listitem", { name: plan, exact: true })).toContainText(text);
  }
  await page.getByRole("button", { name: "Upgrade to Pro" }).click();
  await expect(page.getByRole("heading", { name: "Checkout" })).toBeVisible();
  expect(page.url()).toContain("https://polar.example/checkout/");

  await page.goto("/settings/billing?checkout=success");
  await expect(page.getByRole("status")).toContainText("the new plan arrives in a moment");
  await billingSays("active", "active", person.org, "Pro");
  await expect(page.getByRole("status")).toHaveText("Thank you. You are on the Pro plan now.");
  await expect(page).toHaveURL(/\/settings\/billing$/);
  await expect(page.getByRole("listitem", { name: "Pro", exact: true })).toHaveAttribute("aria-current", "true");
  await expect(page.getByRole("region", { name: "Current plan" })).toContainText("1,000,000");
  await expect(page.getByRole("button", { name: /^Upgrade/ })).toHaveCount(0);
});

test("managing leads to the portal, and an organisation unknown there is told so", async ({ page, context }) => {
  const person = await Person.signUp(context);
  await person.subscribe("team");
  await page.goto("/settings/billing");
  await page.getByRole("button", { name: "Manage billing" }).click();
  await expect(page.getByRole("alert")).toHaveText("This organisation has never bought a plan, so there is nothing to manage yet.");
  await page.route("**/api/billing/portal", (route) => route.fulfill({ json: { url: "https://polar.example/portal/x" } }));
  await page.route("https://polar.example/**", (route) => route.fulfill({ contentType: "text/html", body: "<h1>Portal</h1>" }));
  await page.getByRole("button", { name: "Manage billing" }).click();
  await expect(page.getByRole("heading", { name: "Portal" })).toBeVisible();
});

test("a server that sells nothing shows no billing", async ({ page, context }) => {
  await Person.signUp(context);
  await page.route("**/api/auth/config", (route) => route.fulfill({ json: { mode: "cloud", features: ["auth", "teams", "api_keys"] } }));
  await page.goto("/settings/billing");
  await expect(page.getByRole("heading", { name: "This server does not offer it" })).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Settings" }).getByRole("link")).toHaveText(["General", "API keys", "Team", "Usage"]);
});

test("too many requests are told with how long to wait", async ({ page, context }) => {
  await Person.signUp(context);
  await page.route("**/api/org/usage", (route) =>
    route.fulfill({ status: 429, headers: { "retry-after": "3" }, json: { error: "too many requests; try again later", code: "rate_limited", retry_after: 3 } }),
  );
  await page.goto("/settings/usage");
  await expect(page.getByRole("heading", { name: "Too many requests" })).toBeVisible();
  await expect(page.getByText("Too many requests. Try again in 3 seconds.")).toBeVisible();
  await page.unroute("**/api/org/usage");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("meter", { name: "Spans" })).toBeVisible();
});
