import { useEffect, useEffectEvent } from "react";
import { isCovered, isTyping } from "../lib/keys";

/** `j`/`k` and arrows move, Enter opens, Space peeks, Esc closes. */
export function useRowKeys<Row>({
  rows,
  keyOf,
  selected,
  onMove,
  onOpen,
  onPeek,
  onClose,
}: {
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  selected: string | null;
  onMove: (key: string, index: number) => void;
  onOpen: (row: Row) => void;
  onPeek?: ((row: Row) => void) | undefined;
  onClose?: (() => void) | undefined;
}): void {
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || isTyping(event) || event.metaKey || event.ctrlKey || event.altKey || isCovered()) return;
    const at = rows.findIndex((row) => keyOf(row) === selected);
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    const row = rows[at];
    // Enter and Space belong to a focused button or link.
    const isPressed = (event.target as HTMLElement).closest("button, a") !== null;
    if (step !== undefined) {
      const next = Math.max(0, Math.min(rows.length - 1, at + step));
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
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
