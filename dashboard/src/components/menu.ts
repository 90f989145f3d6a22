/** Looks of what floats over the page. */
export const FLOATING = "fade-in z-50 rounded-md border border-line-strong bg-raised shadow-float";
export const MENU = `${FLOATING} min-w-[180px] p-1`;
export const MENU_ITEM =
  "flex h-7 cursor-default items-center gap-2 rounded px-2 outline-none select-none data-[highlighted]:bg-hover data-[disabled]:opacity-40";
