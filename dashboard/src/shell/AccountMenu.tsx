import { ChevronsUpDown, LogOut } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { enter, useAccount } from "../account/account";
import { api } from "../api/client";
import { explain } from "../api/wording";
import { MENU, MENU_ITEM } from "../components/menu";
import { Initial } from "./ProjectSwitcher";

/** Ends the session. */
export async function logOut(): Promise<void> {
  await api.post("/api/auth/logout");
  enter("/login");
}

/** Who is logged in, and the way out. */
export default function AccountMenu({ brief = false }: { brief?: boolean }) {
  const account = useAccount();
  const [error, setError] = useState<string | null>(null);
  if (account.mode === "local") return null;
  const { name, email, role } = account.user;
  const shown = name === "" ? email : name;
  return (
    <DropdownMenu.Root modal={false} onOpenChange={() => setError(null)}>
      <DropdownMenu.Trigger asChild>
        <button
          type="button"
          aria-label={`Account: ${email}`}
          className={`flex h-11 min-w-0 items-center gap-2.5 rounded-md px-2 text-left hover:bg-hover data-[state=open]:bg-hover ${brief ? "" : "w-full"}`}
        >
          <Initial name={shown} round />
          {!brief && (
            <>
              <span className="min-w-0 flex-1">
                <span dir="auto" className="block truncate">{shown}</span>
                <span className="block truncate text-[11px] text-muted capitalize">{role}</span>
              </span>
              <ChevronsUpDown size={14} className="shrink-0 text-faint" />
            </>
          )}
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align={brief ? "end" : "start"} sideOffset={4} className={`${MENU} w-[224px]`}>
          <DropdownMenu.Label className="px-2 pt-1.5 pb-2">
            <span dir="auto" className="block truncate font-medium">{shown}</span>
            <span className="block truncate text-[11px] text-muted">{email}</span>
          </DropdownMenu.Label>
          <DropdownMenu.Separator className="-mx-1 mb-1 h-px bg-line" />
          <DropdownMenu.Item
            className={MENU_ITEM}
            onSelect={(event) => {
              event.preventDefault();
              logOut().catch((cause: unknown) => setError(explain(cause)));
            }}
          >
            <LogOut size={13} className="text-muted" /> Log out
          </DropdownMenu.Item>
          {error !== null && <p role="alert" className="px-2 py-1 text-[11px] text-fail">{error}</p>}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
