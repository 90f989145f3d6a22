import {
  Binary,
  Bot,
  Braces,
  FileText,
  MessageSquare,
  Search,
  Wrench,
  type LucideIcon,
} from "lucide-react";
import type { SpanFamily } from "./model/span";

const icons: Record<SpanFamily, LucideIcon> = {
  llm: MessageSquare,
  tool: Wrench,
  retrieval: Search,
  embedding: Binary,
  agent: Bot,
  custom: Braces,
  file: FileText,
};

export const familyLabels: Record<SpanFamily, string> = {
  llm: "LLM call",
  tool: "Tool call",
  retrieval: "Retrieval",
  embedding: "Embedding",
  agent: "Agent",
  custom: "Custom",
  file: "File",
};

/** The hue of a family, as a CSS value. */
export function familyColor(family: SpanFamily): string {
  return `var(--kind-${family})`;
}

/** The icon of a span family in its hue. */
export function KindIcon({ family, size = 14 }: { family: SpanFamily; size?: number }) {
  const Icon = icons[family];
  return (
    <Icon
      size={size}
      strokeWidth={1.75}
      className="shrink-0"
      style={{ color: familyColor(family) }}
      aria-label={familyLabels[family]}
    />
  );
}
