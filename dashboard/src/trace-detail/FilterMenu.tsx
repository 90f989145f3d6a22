import { ListFilter } from "lucide-react";
import { Popover } from "radix-ui";
import { MENU } from "../components/menu";
import { familyLabels, KindIcon } from "./KindIcon";
import { families as allFamilies, type SpanFamily, type SpanState } from "./model/span";
import type { SpanCounts } from "./SpanTreePanel";

const allStates: readonly [SpanState, string, string][] = [
  ["failed", "Failed", "bg-fail"],
  ["running", "Running", "bg-run"],
  ["completed", "Completed", "bg-ok"],
];

interface Props {
  counts: SpanCounts;
  states: ReadonlySet<SpanState>;
  families: ReadonlySet<SpanFamily>;
  onStates: (states: ReadonlySet<SpanState>) => void;
  onFamilies: (families: ReadonlySet<SpanFamily>) => void;
}

/** Chooses the statuses and kinds the tree shows. */
export function FilterMenu({ counts, states, families, onStates, onFamilies }: Props) {
  const active = states.size + families.size;
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <button
          type="button"
          aria-label="Filter by status and kind"
          title="Filter by status and kind"
          className={`flex h-7 shrink-0 items-center gap-1 rounded-md px-1.5 hover:bg-hover hover:text-text ${
            active > 0 ? "text-accent" : "text-muted"
          }`}
        >
          <ListFilter size={14} />
          {active > 0 && <span className="text-[11px] tabular-nums">{active}</span>}
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content align="end" sideOffset={4} collisionPadding={8} className={`${MENU} w-52 text-[13px]`}>
          <Heading>Status</Heading>
          {allStates.map(([state, label, dot]) => (
            <Choice
              key={state}
              chosen={states.has(state)}
              count={counts.states.get(state) ?? 0}
              onChange={() => onStates(toggled(states, state))}
            >
              <span className="flex w-3.5 justify-center">
                <span className={`size-1.5 rounded-full ${dot}`} />
              </span>
              {label}
            </Choice>
          ))}
          <div className="my-1 border-t border-line" />
          <Heading>Kind</Heading>
          {allFamilies
            .filter((family) => counts.families.has(family) || families.has(family))
            .map((family) => (
              <Choice
                key={family}
                chosen={families.has(family)}
                count={counts.families.get(family) ?? 0}
                onChange={() => onFamilies(toggled(families, family))}
              >
                <KindIcon family={family} />
                {familyLabels[family]}
              </Choice>
            ))}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Heading({ children }: { children: string }) {
  return <div className="px-2 py-1 text-[11px] text-muted">{children}</div>;
}

function Choice({
  chosen,
  count,
  onChange,
  children,
}: {
  chosen: boolean;
  count: number;
  onChange: () => void;
  children: React.ReactNode;
}) {
  return (
    <label
      className={`flex h-7 items-center gap-2 rounded px-2 hover:bg-hover has-focus-visible:bg-hover ${count === 0 && !chosen ? "opacity-50" : ""}`}
    >
      <input type="checkbox" checked={chosen} onChange={onChange} className="size-3.5 accent-(--accent)" />
      {children}
      <span className="ml-auto text-[11px] tabular-nums text-muted">{count.toLocaleString("en-US")}</span>
    </label>
  );
}

function toggled<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(item)) next.add(item);
  return next;
}
