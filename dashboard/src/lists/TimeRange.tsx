import { Popover } from "radix-ui";
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
  const [open, setOpen] = useState(false);
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const known = RANGES.find((range) => range.since === since && until === "");
  const label = known?.label ?? `${since === "" ? "…" : since.slice(0, 10)} – ${until === "" ? "now" : until.slice(0, 10)}`;
  const choose = (since: string, until: string) => {
    setOpen(false);
    onChange(since, until);
  };
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <Button aria-label={`Time range: ${label}`}>
          <CalendarClock size={13} className="text-muted" />
          <span className="max-md:hidden">{label}</span>
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content align="end" sideOffset={4} aria-label="Time range" className={MENU}>
          {RANGES.map((range) => (
            <button
              key={range.label}
              type="button"
              aria-pressed={range === known}
              onClick={() => choose(range.since, "")}
              className={`${MENU_ITEM} w-full hover:bg-hover aria-pressed:text-accent`}
            >
              {range.label}
            </button>
          ))}
          <form
            className="mt-1 flex flex-col gap-1.5 border-t border-line p-2 pt-2.5"
            onSubmit={(event) => {
              event.preventDefault();
              choose(from, to === "" ? "" : `${to}T23:59:59.999Z`);
            }}
          >
            {([["From", from, setFrom], ["To", to, setTo]] as const).map(([name, value, set]) => (
              <label key={name} className="flex items-center justify-between gap-3 text-muted">
                {name}
                <input
                  type="date"
                  value={value}
                  onChange={(event) => set(event.target.value)}
                  className="h-7 rounded-md border border-line-strong bg-bg px-2 text-text"
                />
              </label>
            ))}
            <Button type="submit" disabled={from === "" && to === ""} className="justify-center">
              Show these days
            </Button>
          </form>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
