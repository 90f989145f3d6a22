import type { Span } from "../api/types";
import { formatCost, formatCount, formatDuration, formatElapsed, formatExactCost } from "../lib/format";
import { useNow } from "../lib/now";

/** A figure whose unit is set in a lighter tone. */
function WithUnit({ text }: { text: string }) {
  const parts = text.split(/([0-9.,]+)/).filter((part) => part !== "");
  return (
    <span className="num whitespace-nowrap">
      {parts.map((part, index) => (/[0-9]/.test(part) ? part : <span key={index} className="text-muted">{part}</span>))}
    </span>
  );
}

/** US dollars; all their digits are there on hover. */
export function Cost({ value }: { value: number }) {
  return (
    <span className="num whitespace-nowrap" title={formatExactCost(value)}>
      {formatCost(value)}
    </span>
  );
}

/** What many calls cost together. Nothing says that no price is known: the API does not tell such calls from free ones. */
export function TotalCost({ value }: { value: number }) {
  return value === 0 ? <None /> : <Cost value={value} />;
}

/** Stands where there is no figure. */
export function None() {
  return <span className="text-faint">–</span>;
}

export function Count({ value, exact = false }: { value: number; exact?: boolean }) {
  if (exact) return <span className="num">{value.toLocaleString("en-US")}</span>;
  return <WithUnit text={formatCount(value)} />;
}

export function Duration({ value }: { value: number }) {
  return <WithUnit text={formatDuration(value)} />;
}

/** How long something that still runs has been running. */
export function Elapsed({ value }: { value: number }) {
  return <WithUnit text={formatElapsed(value)} />;
}

/** How long a span took, or has been taking. */
export function SpanDuration({ span }: { span: Span }) {
  const now = useNow();
  if (span.ended_at === null) {
    return <span className="text-run"><Elapsed value={Math.max(0, now - Date.parse(span.started_at))} /></span>;
  }
  return span.metadata.duration_ms === null ? <None /> : <Duration value={span.metadata.duration_ms} />;
}
