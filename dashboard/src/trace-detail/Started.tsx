import { formatAgo, formatMoment } from "../lib/format";
import { useNow } from "../lib/now";

/** When something began, in words that cannot be taken for a duration; the moment is there on hover. */
export function Started({ at, now = 0 }: { at: string; now?: number }) {
  const ago = formatAgo(at, Math.max(useNow(), now));
  return (
    <time dateTime={at} title={formatMoment(at)} className="num whitespace-nowrap">
      started {ago === "now" ? "just now" : `${ago} ago`}
    </time>
  );
}
