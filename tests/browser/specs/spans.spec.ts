import { expect, manyTraces, rows, test } from "../support/test.ts";

test.beforeEach(async ({ server }) => {
  await server.ingest(manyTraces(40));
});

test("spans are sorted by the columns the API sorts by", async ({ page }) => {
  await page.goto("/spans");
  await expect(page.getByRole("row").first()).toHaveText(/Name.*Kind.*Model.*Tokens.*Cost.*Duration.*Time/);
  const costs = async () => {
    const texts = await rows(page).locator("[role=cell]:nth-child(5)").allInnerTexts();
    return texts.slice(0, 20).map((text) => Number(text.replace("$", "").replace("–", "0")));
  };
  await page.getByRole("button", { name: "Cost" }).click();
  await expect(page).toHaveURL(/sort_by=cost&sort_order=desc/);
  await expect.poll(async () => (await costs())[0]).toBeGreaterThan(0);
  const falling = await costs();
  expect(falling).toEqual([...falling].sort((a, b) => b - a));
  await page.getByRole("button", { name: "Name" }).click();
  await page.getByRole("button", { name: "Name" }).click();
  await expect(page).toHaveURL(/sort_by=name&sort_order=asc/);
  await expect(rows(page).first()).toContainText("a name that goes on");
});

test("a row opens its span beside the list, which leads to the trace", async ({ page }) => {
  await page.goto("/spans?q=kind:tool_call+status:failed");
  await rows(page).first().click();
  await expect(page).toHaveURL(/span=seed-000003-c&trace=seed-000003/);
  const panel = page.getByRole("complementary");
  await expect(panel.getByRole("alert")).toContainText("order service timed out");
  await expect(page.getByRole("columnheader", { name: "Time" })).toBeInViewport();
  await page.reload();
  await panel.getByRole("link", { name: "Show in its trace" }).click();
  await expect(page).toHaveURL(/\/traces\/seed-000003\?span=seed-000003-c/);
  await page.goBack();
  await expect(rows(page).first()).toBeVisible();
  await expect(panel).toBeVisible();
  await page.keyboard.press("j");
  await expect(page).toHaveURL(/trace=seed-000014/);
  await panel.getByRole("button", { name: "Close" }).click();
  await expect(panel).toHaveCount(0);
});

test("a span beside the list ends there as it does in the list", async ({ page, server }) => {
  await server.post("/api/spans", { id: "slow", trace_id: "beside", name: "slow" });
  await page.goto("/spans");
  await rows(page).first().click();
  const panel = page.getByRole("complementary");
  await expect(panel.getByRole("button", { name: "Finish span" })).toBeVisible();
  await server.post("/api/spans/slow/fail", { error: "out of paper" });
  await expect(panel.getByRole("alert")).toContainText("out of paper");
  await expect(panel.getByRole("button", { name: "Finish span" })).toHaveCount(0);
});

test("a search over text finds the spans that hold it", async ({ page }) => {
  await page.goto("/spans");
  await page.getByRole("combobox").fill('"oak table" kind:llm_call');
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/q=%22oak\+table%22/);
  // The last one is the first call of its trace; later ones fold what it showed.
  await rows(page).last().click();
  await expect(page.getByRole("complementary")).toContainText("oak table");
});
