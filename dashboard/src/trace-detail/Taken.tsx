import { Duration, Elapsed } from "../components/Figures";
import { formatDuration, formatElapsed } from "../lib/format";

/** How long something took, or has taken so far, which is counted in whole seconds. */
export function Taken({ ms, running }: { ms: number; running: boolean }) {
  return running ? <Elapsed value={ms} /> : <Duration value={ms} />;
}

export function formatTaken(ms: number, running: boolean): string {
  return running ? formatElapsed(ms) : formatDuration(ms);
}
