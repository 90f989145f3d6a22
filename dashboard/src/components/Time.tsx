import { formatAgo, formatMoment } from "../lib/format";
import { useNow } from "../lib/now";

/** Time since, with the moment on hover. */
export function Time({ value, className = "" }: { value: string; className?: string }) {
  const now = useNow();
  return (
    <time dateTime={value} title={formatMoment(value)} className={`num whitespace-nowrap ${className}`}>
      {formatAgo(value, now)}
    </time>
  );
}
