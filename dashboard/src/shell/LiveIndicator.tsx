import { liveStream, useLiveState } from "../api/live";

const LOOKS = {
  live: ["bg-ok", "Live"],
  connecting: ["bg-run motion-safe:animate-pulse", "Connecting"],
  disconnected: ["bg-fail", "Disconnected"],
} as const;

/** Whether the page hears what happens; a press connects anew. */
export function LiveIndicator() {
  const state = useLiveState();
  const [dot, word] = LOOKS[state];
  return (
    <button
      type="button"
      onClick={() => liveStream.reconnect()}
      title={state === "live" ? "Events arrive as they happen" : "Press to connect again"}
      aria-label={`Live stream: ${word}`}
      className="flex h-7 shrink-0 items-center gap-1.5 rounded-md px-2 text-muted hover:bg-hover"
    >
      <span className={`size-2 rounded-full ${dot}`} />
      <span className="max-md:sr-only">{word}</span>
    </button>
  );
}
