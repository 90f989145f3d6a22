import { useEffect, useRef, useSyncExternalStore } from "react";
import { API_BASE } from "./base";
import type { LiveEvent } from "./types";

export type LiveState = "connecting" | "live" | "disconnected";

/** How long events are collected before pages hear of them together, so that a flood costs one render. */
const BATCH_MS = 150;

/** The one connection of this tab, open while anybody listens. */
class LiveStream {
  private source: EventSource | null = null;
  private waiting: LiveEvent[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<(events: LiveEvent[]) => void>();
  private readonly watchers = new Set<() => void>();
  private lastId = "";
  private wasOpen = false;
  /** Whether the last try to connect failed, so that the next failure says more than "connecting". */
  private failed = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private stay: (() => void) | undefined;
  private onRefusal: (() => void) | undefined;
  state: LiveState = "connecting";

  /**
   * Keeps the stream open, whoever else listens. It is called before the first question is asked, so that nothing happens
   * unheard between an answer and it. `onRefusal` hears when the server no longer lets this tab listen.
   */
  keepOpen(listener: (events: LiveEvent[]) => void, onRefusal?: () => void): void {
    this.onRefusal = onRefusal;
    this.stay ??= this.listen(listener);
  }

  listen(listener: (events: LiveEvent[]) => void): () => void {
    this.listeners.add(listener);
    if (this.source === null) this.open();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.close();
    };
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  reconnect(): void {
    this.failed = false;
    this.close();
    if (this.listeners.size > 0) this.open();
  }

  private open(): void {
    if (!this.failed) this.become("connecting");
    const since = this.lastId === "" ? "" : `&since=${this.lastId}`;
    const source = new EventSource(`${API_BASE}/api/events?payload=none${since}`, { withCredentials: API_BASE !== "" });
    this.source = source;
    source.onopen = () => {
      this.failed = false;
      this.become("live");
      // Without an event to go on from, the server cannot tell what was missed in between.
      if (this.wasOpen && this.lastId === "") this.collect({ type: "resync" });
      this.wasOpen = true;
    };
    source.onmessage = (message: MessageEvent<string>) => {
      if (message.lastEventId !== "") this.lastId = message.lastEventId;
      try {
        this.collect(JSON.parse(message.data) as LiveEvent);
      } catch {
        // A frame that is no JSON is not ours.
      }
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        // The browser gives up after a refusal; we go on, from the last event seen.
        this.become("disconnected");
        this.source = null;
        this.onRefusal?.();
        this.retry = setTimeout(() => this.listeners.size > 0 && this.open(), 3000);
      } else {
        // The browser tries again by itself; a stream that merely ended is back at once.
        this.become(this.failed ? "disconnected" : "connecting");
        this.failed = true;
      }
    };
  }

  private close(): void {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  private collect(event: LiveEvent): void {
    this.waiting.push(event);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const events = this.waiting;
      this.waiting = [];
      for (const listener of [...this.listeners]) listener(events);
    }, BATCH_MS);
  }

  private become(state: LiveState): void {
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }
}

export const liveStream = new LiveStream();

/** Calls `handler` with what happened since the last call, a few times a second at most. */
export function useLiveBatches(handler: (events: LiveEvent[]) => void): void {
  const latest = useRef(handler);
  useEffect(() => {
    latest.current = handler;
  });
  useEffect(() => liveStream.listen((events) => latest.current(events)), []);
}

/** Calls `handler` with each event. */
export function useLiveEvents(handler: (event: LiveEvent) => void): void {
  useLiveBatches((events) => events.forEach(handler));
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (watcher) => liveStream.watch(watcher),
    () => liveStream.state,
  );
}
