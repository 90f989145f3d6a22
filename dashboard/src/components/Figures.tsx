import { formatCost, formatCount, formatDuration, formatElapsed } from "../lib/format";

/** A figure whose unit is set in a lighter tone. */
function WithUnit({ text }: { text: string }) {
  const parts = text.split(/([0-9.,]+)/).filter((part) => part !== "");
  return (
    <span className="num whitespace-nowrap">
      {parts.map((part, index) => (/[0-9]/.test(part) ? part : <span key={index} className="text-muted">{part}</span>))}
    </span>
  );
}

export function Cost({ value }: { value: number }) {
  return <span className="num whitespace-nowrap">{formatCost(value)}</span>;
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
