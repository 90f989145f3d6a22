/** Looks of menus, which float over the page. */
export const MENU = "fade-in z-50 min-w-[180px] rounded-md border border-line-strong bg-raised p-1 shadow-float";
export const MENU_ITEM =
  "flex h-7 cursor-default items-center gap-2 rounded px-2 outline-none select-none data-[highlighted]:bg-hover data-[disabled]:opacity-40";
