import { ApiError } from "./client";

/** Returns the API's lower-case words as a sentence. */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/** How long one is asked to wait: `4 seconds`, `2 minutes`. */
export function waitOf(seconds: number): string {
  const [count, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [Math.ceil(seconds / 60), "minute"] : [Math.ceil(seconds / 3600), "hour"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** What went wrong, in a sentence for people. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return "It could not be done.";
  switch (error.code) {
    case "unreachable":
      return "The server cannot be reached. Nothing was changed.";
    case "rate_limited":
      return error.retryAfter === undefined
        ? "Too many requests. Wait a moment, then try again."
        : `Too many requests. Try again in ${waitOf(error.retryAfter)}.`;
    case "plan_limit_exceeded":
      return `This month's ${error.limit?.toLocaleString("en-US") ?? ""} spans of the plan are used up. Upgrade the plan, or wait until the month is over.`;
    case "plan_limit_reached":
      return `The plan allows at most ${error.limit?.toLocaleString("en-US") ?? "so many"} of these. Upgrade the plan, or make room first.`;
    case "insufficient_scope":
      return "Your role does not allow this. An admin of the organisation can do it, or change your role.";
    default:
      return sentence(error.message);
  }
}

/** A heading for what cannot be shown. */
export function headingOf(error: unknown): string {
  if (!(error instanceof ApiError)) return "This cannot be shown";
  switch (error.code) {
    case "unreachable":
      return "The server cannot be reached";
    case "rate_limited":
      return "Too many requests";
    case "plan_limit_exceeded":
      return "The plan's spans are used up";
    case "insufficient_scope":
      return "Your role does not show this";
    default:
      return "This cannot be shown";
  }
}
