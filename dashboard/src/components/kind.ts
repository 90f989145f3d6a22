import type { Span } from "../api/types";
import { familyLabels } from "../trace-detail/KindIcon";
import { familyOf, kindWord } from "../trace-detail/model/span";

/** The kind of a span in the words of the panel that shows it. */
export function kindLabel(span: Span): string {
  const family = familyOf(span);
  return family === "custom" ? kindWord(span) : familyLabels[family];
}
