import type { SpanState } from "./model/span";

const looks: Record<SpanState, [word: string, dot: string]> = {
  completed: ["Completed", "bg-ok"],
  failed: ["Failed", "bg-fail"],
  running: ["Running", "bg-run motion-safe:animate-pulse"],
};

/** A status as a dot and a word. */
export function StatusWord({ state }: { state: SpanState }) {
  const [word, dot] = looks[state];
  return (
    <span className={`flex items-center gap-1.5 ${state === "failed" ? "text-fail" : state === "running" ? "text-run" : ""}`}>
      <span className={`size-1.5 rounded-full ${dot}`} />
      {word}
    </span>
  );
}
