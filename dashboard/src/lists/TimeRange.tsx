import { Popover } from "radix-ui";
import { CalendarClock } from "lucide-react";
import { useState } from "react";
import { Button } from "../components/Button";
import { MENU, MENU_ITEM } from "../components/menu";
import { beginOf, endOf, labelOf, momentOf, NO_MOMENT, type Moment } from "./range";

const RANGES = [
  { since: "1h", label: "Last hour" },
  { since: "24h", label: "Last 24 hours" },
  { since: "7d", label: "Last 7 days" },
  { since: "30d", label: "Last 30 days" },
  { since: "", label: "All time" },
];

const CONTROL = "h-7 rounded-md border border-line-strong bg-bg px-2 text-text";

/** How far back a list goes: a few usual spans, or days and hours of one's own, in the reader's time zone. */
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
  const [from, setFrom] = useState(NO_MOMENT);
  const [to, setTo] = useState(NO_MOMENT);
  const show = (isOpen: boolean) => {
    setFrom(momentOf(since, "00:00"));
    setTo(momentOf(until, "23:59"));
    setOpen(isOpen);
  };
  const known = RANGES.find((range) => range.since === since && until === "");
  const label = known?.label ?? labelOf(since, until);
  const isTurned = from.day !== "" && to.day !== "" && beginOf(from) > endOf(to);
  const choose = (since: string, until: string) => {
    setOpen(false);
    onChange(since, until);
  };
  return (
    <Popover.Root open={open} onOpenChange={show}>
      <Popover.Trigger asChild>
        <Button aria-label={`Time range: ${label}`}>
          <CalendarClock size={13} className="text-muted" />
          <span className="max-md:hidden">{label}</span>
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content align="end" sideOffset={4} collisionPadding={8} aria-label="Time range" className={MENU}>
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
              choose(beginOf(from), endOf(to));
            }}
          >
            <MomentField name="From" hour="Start hour" value={from} onChange={setFrom} />
            <MomentField name="To" hour="End hour" value={to} onChange={setTo} />
            {isTurned && <p role="alert" className="text-fail">It ends before it begins.</p>}
            <Button type="submit" disabled={isTurned || (from.day === "" && to.day === "")} className="justify-center">
              Show this time
            </Button>
          </form>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** A day, and an hour of it if one wants to be that exact. */
function MomentField({ name, hour, value, onChange }: { name: string; hour: string; value: Moment; onChange: (value: Moment) => void }) {
  return (
    <div className="flex items-center gap-1.5">
      <label className="flex flex-1 items-center justify-between gap-3 text-muted">
        {name}
        <input type="date" value={value.day} onChange={(event) => onChange({ ...value, day: event.target.value })} className={CONTROL} />
      </label>
      <input
        type="time"
        aria-label={hour}
        disabled={value.day === ""}
        value={value.hour}
        onChange={(event) => onChange({ ...value, hour: event.target.value })}
        className={`${CONTROL} disabled:opacity-40`}
      />
    </div>
  );
}
