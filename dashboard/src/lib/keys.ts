/** Whether the keyboard belongs to a field, so that single-letter keys must not act. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return target !== null && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName));
}
