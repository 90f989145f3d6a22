/** A value as indented JSON; text stays text. */
export function printed(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value, null, 2) ?? "";
  } catch {
    return "The value is nested too deeply to be written as text.";
  }
}
