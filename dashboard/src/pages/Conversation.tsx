import { useCallback, useState } from "react";
import type { Trace } from "../api/types";
import SessionTurn from "./SessionTurn";

/** Turns that are loaded before the one before them is shown. */
const AHEAD = 4;

/** The turns of a session, to read. A turn appears once all before it are there, so that nothing moves what is read. */
export default function Conversation({ traces }: { traces: readonly Trace[] }) {
  const [ready, setReady] = useState<ReadonlySet<string>>(new Set());
  const onReady = useCallback((id: string) => setReady((old) => (old.has(id) ? old : new Set([...old, id]))), []);
  const first = traces.findIndex((trace) => !ready.has(trace.id));
  const waiting = first < 0 ? traces.length : first;
  return (
    <ol className="mx-auto max-w-[860px] px-4 py-6">
      {traces.slice(0, waiting + 1 + AHEAD).map((trace, index) => (
        <li key={trace.id} hidden={index > waiting} className="border-b border-line py-5 last:border-0">
          <SessionTurn trace={trace} number={index + 1} onReady={onReady} />
        </li>
      ))}
    </ol>
  );
}
