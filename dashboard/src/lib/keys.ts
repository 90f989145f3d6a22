/** Whether something floats over the page, which then has the keys. */
export function isCovered(): boolean {
  return document.querySelector('[role="dialog"], [role="alertdialog"], [role="menu"]') !== null;
}

/** Whether the keyboard belongs to a field, so that single-letter keys must not act. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return target !== null && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName));
}
