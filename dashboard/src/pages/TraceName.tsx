import { Link } from "@tanstack/react-router";
import type { Trace } from "../api/types";

/** Whether only its model names a trace, as it does a call through the proxy, though one knows what was asked. */
export function isNamedByModel(trace: Trace): boolean {
  return trace.input_preview !== null && isModel(trace);
}

const isModel = (trace: Trace) => trace.models.length === 1 && trace.models[0] === trace.name;

/** The models of a trace, but for one that stands beside them as its name. */
export function modelsBesideName(trace: Trace): readonly string[] {
  return isModel(trace) && !isNamedByModel(trace) ? [] : trace.models;
}

/**
 * A link to a trace: its name, and the beginning of what the user asked in the room that it leaves. Where the name is
 * that of the model, the question is its name, and the model has `modelLook`, which hides it where it stands elsewhere.
 */
export function TraceName({ trace, search, modelLook }: { trace: Trace; search: object; modelLook: string }) {
  const byModel = isNamedByModel(trace);
  const shown = (byModel ? trace.input_preview : trace.name) ?? null;
  return (
    <>
      <Link
        to="/traces/$id"
        params={{ id: trace.id }}
        search={search as never}
        preload={false}
        dir="auto"
        className="min-w-0 truncate"
        title={shown ?? trace.id}
      >
        {shown ?? <span className="font-mono text-[12px] text-muted">{trace.id}</span>}
      </Link>
      {byModel ? (
        <span className={`max-w-1/2 shrink-0 truncate text-faint ${modelLook}`} title={trace.name ?? undefined}>
          {trace.name}
        </span>
      ) : (
        <Asked trace={trace} />
      )}
    </>
  );
}

/** The beginning of what the user asked. */
export function Asked({ trace }: { trace: Trace }) {
  if (trace.input_preview === null) return null;
  return (
    <span dir="auto" className="min-w-0 flex-1 basis-0 truncate text-left text-muted" title={trace.input_preview}>
      {trace.input_preview}
    </span>
  );
}
