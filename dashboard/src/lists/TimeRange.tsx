import { DropdownMenu } from "radix-ui";
import { CalendarClock } from "lucide-react";
import { useState } from "react";
import { Button } from "../components/Button";
import { MENU, MENU_ITEM } from "../components/menu";

const RANGES = [
  { since: "1h", label: "Last hour" },
  { since: "24h", label: "Last 24 hours" },
  { since: "7d", label: "Last 7 days" },
  { since: "30d", label: "Last 30 days" },
  { since: "", label: "All time" },
];

/** How far back a list goes: a few usual spans, or a day of one's own. */
export function TimeRange({
  since = "",
  until = "",
  onChange,
}: {
  since: string | undefined;
  until: string | undefined;
  onChange: (since: string, until: string) => void;
}) {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const known = RANGES.find((range) => range.since === since && until === "");
  const label = known?.label ?? `${since === "" ? "…" : since.slice(0, 10)} – ${until === "" ? "now" : until.slice(0, 10)}`;
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button aria-label={`Time range: ${label}`}>
          <CalendarClock size={13} className="text-muted" />
          <span className="max-md:hidden">{label}</span>
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="end" sideOffset={4} className={MENU}>
          {RANGES.map((range) => (
            <DropdownMenu.Item key={range.label} className={MENU_ITEM} onSelect={() => onChange(range.since, "")}>
              {range.label}
            </DropdownMenu.Item>
          ))}
          <DropdownMenu.Separator className="my-1 h-px bg-line" />
          <form
            className="flex flex-col gap-1.5 p-2"
            onSubmit={(event) => {
              event.preventDefault();
              onChange(from, to === "" ? "" : `${to}T23:59:59.999Z`);
            }}
          >
            {([["From", from, setFrom], ["To", to, setTo]] as const).map(([name, value, set]) => (
              <label key={name} className="flex items-center justify-between gap-3 text-muted">
                {name}
                <input
                  type="date"
                  value={value}
                  onChange={(event) => set(event.target.value)}
                  onKeyDown={(event) => event.stopPropagation()}
                  className="h-7 rounded-md border border-line-strong bg-bg px-2 text-text"
                />
              </label>
            ))}
            <Button type="submit" disabled={from === "" && to === ""} className="justify-center">
              Show these days
            </Button>
          </form>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
