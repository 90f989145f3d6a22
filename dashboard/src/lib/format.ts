/** Milliseconds as people read them: `420 ms`, `1.24 s`, `2 m 05 s`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} m`;
}

/** How long something has been running: whole seconds, since smaller ones only flicker. */
export function formatElapsed(ms: number): string {
  return ms < 60_000 ? `${Math.floor(ms / 1000)} s` : formatDuration(ms);
}

/** A count with its noun: `1 span`, `12 spans`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

/** The least cost that is shown as a number. */
const LEAST = 0.000_001;

/** US dollars: two significant digits below a dollar, two decimals above. */
export function formatCost(usd: number): string {
  if (usd === 0) return "$0";
  if (usd < LEAST) return "<$0.000001";
  if (usd >= 1000) return `$${usd.toLocaleString("en-US", { maximumFractionDigits: 0 })}`;
  if (usd >= 0.995) return `$${usd.toFixed(2)}`;
  const rounded = Number(usd.toPrecision(2));
  return `$${rounded.toFixed(1 - Math.floor(Math.log10(rounded)))}`;
}

/** US dollars with all their digits, as far as they were computed. */
export function formatExactCost(usd: number): string {
  return `$${usd.toFixed(12).replace(/0+$/, "").replace(/\.$/, "")}`;
}

/** Counts: `999`, `12.4 k`, `3.1 M`. */
export function formatCount(count: number): string {
  if (count < 1000) return String(count);
  if (count < 999_950) return `${(count / 1e3).toFixed(1)} k`;
  return count < 999_950_000 ? `${(count / 1e6).toFixed(1)} M` : `${(count / 1e9).toFixed(1)} G`;
}

/** Time since, in the largest fitting unit: `now`, `42 s`, `5 m`, `3 h`, `12 d`. */
export function formatAgo(time: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1000));
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The moment in the reader's time zone, to the millisecond. */
export function formatMoment(time: string): string {
  const date = new Date(time);
  const day = date.toLocaleDateString("en-CA");
  return `${day} ${date.toLocaleTimeString("en-GB")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Bytes in the unit that reads best: `512 B`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}
