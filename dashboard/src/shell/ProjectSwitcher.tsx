import { Check, ChevronsUpDown, Plus } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { enter, useAccount, useMay } from "../account/account";
import { api } from "../api/client";
import { explain } from "../api/wording";
import { MENU, MENU_ITEM } from "../components/menu";
import { CreateProject } from "./CreateProject";

/** Where one is, and the other projects and organisations one may go to. */
export default function ProjectSwitcher() {
  const account = useAccount();
  const mayCreate = useMay("admin");
  const [creating, setCreating] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  if (account.mode === "local") return null;
  const { projects, project, user } = account;
  const org = user.organizations.find(({ id }) => id === user.org_id);

  const go = async (path: "/api/projects/switch" | "/api/org/switch", body: object) => {
    setBusy(true);
    setError(null);
    try {
      await api.post(path, body);
      enter("/");
    } catch (cause) {
      setBusy(false);
      setError(explain(cause));
    }
  };

  return (
    <>
      <DropdownMenu.Root modal={false} onOpenChange={() => setError(null)}>
        <DropdownMenu.Trigger asChild>
          <button
            type="button"
            disabled={busy}
            aria-label={`Project: ${project.name}, in ${org?.name ?? "this organisation"}`}
            className="flex h-11 w-full min-w-0 items-center gap-2.5 rounded-md px-2 text-left hover:bg-hover disabled:opacity-60 data-[state=open]:bg-hover"
          >
            <Initial name={project.name} />
            <span className="min-w-0 flex-1">
              <span dir="auto" className="block truncate font-medium">{project.name}</span>
              <span dir="auto" className="block truncate text-[11px] text-muted">{org?.name}</span>
            </span>
            <ChevronsUpDown size={14} className="shrink-0 text-faint" />
          </button>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content align="start" sideOffset={4} className={`${MENU} max-h-[min(480px,var(--radix-dropdown-menu-content-available-height))] w-[248px] overflow-y-auto`}>
            <DropdownMenu.Label className="px-2 pt-1.5 pb-1 text-[11px] text-muted">Projects</DropdownMenu.Label>
            <DropdownMenu.RadioGroup value={project.id} onValueChange={(id) => id !== project.id && void go("/api/projects/switch", { project_id: id })}>
              {projects.map(({ id, name }) => (
                <Place key={id} id={id} name={name} />
              ))}
            </DropdownMenu.RadioGroup>
            {mayCreate && (
              <DropdownMenu.Item className={MENU_ITEM} onSelect={() => setCreating(true)}>
                <Plus size={13} className="text-muted" /> Create project…
              </DropdownMenu.Item>
            )}
            {user.organizations.length > 1 && (
              <>
                <DropdownMenu.Separator className="-mx-1 my-1 h-px bg-line" />
                <DropdownMenu.Label className="px-2 pt-1.5 pb-1 text-[11px] text-muted">Organisations</DropdownMenu.Label>
                <DropdownMenu.RadioGroup value={user.org_id} onValueChange={(id) => id !== user.org_id && void go("/api/org/switch", { org_id: id })}>
                  {user.organizations.map(({ id, name, role }) => (
                    <Place key={id} id={id} name={name} note={role} />
                  ))}
                </DropdownMenu.RadioGroup>
              </>
            )}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      {error !== null && <p role="alert" className="px-2 text-[11px] text-fail">{error}</p>}
      <CreateProject open={creating} onOpenChange={setCreating} />
    </>
  );
}

function Place({ id, name, note }: { id: string; name: string; note?: string }) {
  return (
    <DropdownMenu.RadioItem value={id} className={MENU_ITEM}>
      <span className="flex w-3.5 shrink-0 justify-center">
        <DropdownMenu.ItemIndicator>
          <Check size={13} className="text-accent" />
        </DropdownMenu.ItemIndicator>
      </span>
      <span dir="auto" className="truncate">{name}</span>
      {note !== undefined && <span className="ml-auto text-[11px] text-muted">{note}</span>}
    </DropdownMenu.RadioItem>
  );
}

/** A name as its first letter. */
export function Initial({ name, round = false }: { name: string; round?: boolean }) {
  return (
    <span
      aria-hidden
      className={`flex size-7 shrink-0 items-center justify-center border border-line-strong bg-bg text-[12px] font-medium text-muted uppercase ${round ? "rounded-full" : "rounded-md"}`}
    >
      {Array.from(name.trim())[0] ?? "?"}
    </span>
  );
}
