/** What stands for a value that cannot be written. */
export const TOO_DEEP = "The value is nested too deeply to be written as text.";

/** A value as indented JSON; text stays text. */
export function printed(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value, null, 2) ?? "";
  } catch {
    return TOO_DEEP;
  }
}
