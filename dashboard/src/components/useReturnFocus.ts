import { useLayoutEffect, useRef } from "react";

/**
 * Where the keyboard goes when a dialog closes that no trigger opened: back to what had it, else to what is around
 * that, which comes first where what had it is about to go (`gone`). Returns what to do as the dialog closes.
 */
export function useReturnFocus(open: boolean, gone = false): (event: Event) => void {
  const ways = useRef<readonly (HTMLElement | null)[]>([]);
  // Before the dialog takes the keyboard.
  useLayoutEffect(() => {
    if (!open) return;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    // An entry of a menu is gone once the menu is; what opened the menu stays.
    const menu = focused?.closest('[role="menu"]');
    const opener = menu == null ? focused : document.getElementById(menu.getAttribute("aria-labelledby") ?? "");
    ways.current = [opener, opener?.closest<HTMLElement>('[role="table"]') ?? null];
  }, [open]);
  return (event) => {
    event.preventDefault();
    const fallback = document.querySelector<HTMLElement>('main [role="table"], main');
    const way = [...(gone ? ways.current.toReversed() : ways.current), fallback].find((element) => element?.isConnected === true && element !== document.body);
    way?.focus();
  };
}
