import type { Query, QueryClient, QueryKey } from "@tanstack/react-query";
import type { LiveEvent } from "./types";

/**
 * Loads the traces and spans anew of which events tell, so that none is shown older than what was heard.
 *
 * What is not shown is loaded when it is shown next. A shown trace is left to its page, which applies events to it.
 */
export function refreshed(client: QueryClient, events: readonly LiveEvent[]): void {
  const heard = hearing(events);
  for (const query of client.getQueryCache().getAll()) {
    const [what, trace, span] = query.queryKey as readonly string[];
    const isOld =
      what === "trace"
        ? heard.isAll || (!query.isActive() && (heard.isCleared || heard.traces.has(trace ?? "")))
        : what === "span" && (heard.isAll || heard.isCleared || heard.gone.has(trace ?? "") || heard.spans.has(`${trace}/${span}`));
    if (isOld) void renewed(client, query);
  }
}

/** Loads what is shown of a key anew, and the rest when it is shown next. Resolves once what is shown was loaded. */
export async function renew(client: QueryClient, queryKey: QueryKey): Promise<void> {
  await Promise.all(client.getQueryCache().findAll({ queryKey }).map((query) => renewed(client, query)));
}

/** Queries that are asked once more when their answer is there, since it may be older than what happened meanwhile. */
const late = new WeakMap<Query, Promise<void>>();

function renewed(client: QueryClient, query: Query): Promise<void> {
  const load = () => client.invalidateQueries({ queryKey: query.queryKey, exact: true });
  if (query.state.fetchStatus !== "fetching") return load();
  const known = late.get(query);
  if (known !== undefined) return known;
  const again = () => {
    late.delete(query);
    return load();
  };
  const whenLoaded = Promise.resolve(query.promise).then(again, again);
  late.set(query, whenLoaded);
  return whenLoaded;
}

/** Returns what some events are about. */
function hearing(events: readonly LiveEvent[]) {
  const heard = { isAll: false, isCleared: false, traces: new Set<string>(), gone: new Set<string>(), spans: new Set<string>() };
  for (const event of events) {
    switch (event.type) {
      case "resync":
        heard.isAll = true;
        break;
      case "cleared":
        heard.isCleared = true;
        break;
      case "trace_created":
      case "trace_updated":
        heard.traces.add(event.trace.id);
        break;
      case "trace_deleted":
        heard.traces.add(event.trace_id);
        heard.gone.add(event.trace_id);
        break;
      case "span_deleted":
        heard.traces.add(event.trace_id);
        heard.spans.add(`${event.trace_id}/${event.span_id}`);
        break;
      case "span_created":
      case "span_completed":
      case "span_failed":
        heard.traces.add(event.span.trace_id);
        heard.spans.add(`${event.span.trace_id}/${event.span.id}`);
        break;
    }
  }
  return heard;
}
