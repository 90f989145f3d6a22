import { useEffect, useEffectEvent, useRef } from "react";
import { isCovered, isTyping } from "../lib/keys";

/** `j`/`k` and arrows move, Enter opens, Space peeks, Esc closes. */
export function useRowKeys<Row>({
  rows,
  keyOf,
  selected,
  first = () => 0,
  onMove,
  onOpen,
  onPeek,
  onClose,
}: {
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  selected: string | null;
  /** Where one begins when no row is selected. */
  first?: () => number;
  onMove: (key: string, index: number) => void;
  onOpen: (row: Row) => void;
  onPeek?: ((row: Row) => void) | undefined;
  onClose?: (() => void) | undefined;
}): void {
  const began = useRef(0);
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    // The key that led here does nothing here.
    if (event.timeStamp < began.current) return;
    if (event.defaultPrevented || isTyping(event) || event.metaKey || event.ctrlKey || event.altKey || isCovered()) return;
    const at = rows.findIndex((row) => keyOf(row) === selected);
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    const row = rows[at];
    // Enter and Space belong to a focused button or link.
    const isPressed = (event.target as HTMLElement).closest("button, a") !== null;
    if (step !== undefined) {
      const next = Math.max(0, Math.min(rows.length - 1, at < 0 ? first() : at + step));
      const target = rows[next];
      if (target !== undefined) onMove(keyOf(target), next);
    } else if (event.key === "Enter" && row !== undefined && !isPressed) {
      onOpen(row);
    } else if (event.key === " " && row !== undefined && onPeek !== undefined && !isPressed) {
      onPeek(row);
    } else if (event.key === "Escape" && onClose !== undefined) {
      onClose();
    } else {
      return;
    }
    event.preventDefault();
  });
  useEffect(() => {
    began.current = performance.now();
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
