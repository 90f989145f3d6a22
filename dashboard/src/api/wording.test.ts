import { expect, test } from "vitest";
import { ApiError } from "./client";
import { explain, sentence, waitOf } from "./wording";

test("the API's words become a sentence", () => {
  expect([sentence("a name must not be empty"), sentence("Done."), sentence("really?")]).toEqual(["A name must not be empty.", "Done.", "Really?"]);
});

test("waits are said in the unit that reads best", () => {
  expect([1, 42, 90, 3540, 5400].map(waitOf)).toEqual(["1 second", "42 seconds", "2 minutes", "59 minutes", "2 hours"]);
});

test("limits of the rate, the plan and the role have words of their own, other errors the API's", () => {
  expect(explain(new ApiError(429, "too many requests; try again later", "rate_limited", { retry_after: 42 }))).toBe("Too many requests. Try again in 42 seconds.");
  expect(explain(new ApiError(402, "…", "plan_limit_exceeded", { limit: 10_000 }))).toContain("This month's 10,000 spans");
  expect(explain(new ApiError(403, "…", "plan_limit_reached", { limit: 5 }))).toContain("at most 5 of these");
  expect(explain(new ApiError(403, "this needs the scope admin", "insufficient_scope"))).toContain("Your role");
  expect(explain(new ApiError(409, "an account with this e-mail exists", "conflict"))).toBe("An account with this e-mail exists.");
  expect(explain(new TypeError("x"))).toBe("It could not be done.");
});
