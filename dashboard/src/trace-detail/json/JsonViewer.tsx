import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight, ChevronUp, FoldVertical, Search, UnfoldVertical, X } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { CopyButton } from "../../components/CopyButton";
import { IconButton } from "../../components/IconButton";
import {
  defaultJsonOpen,
  findInJson,
  jsonRows,
  longText,
  mostMatches,
  opening,
  type JsonMatch,
  type JsonOpen,
  type JsonRow,
} from "./rows";
import { printed } from "./printed";

interface Props {
  value: unknown;
  /** Named in the copy button and for assistive technology. */
  label: string;
  /** Fills its container and scrolls, instead of growing up to a limit. */
  fill?: boolean;
  /** Without the toolbar, for small values inside a conversation. */
  bare?: boolean;
}

/** A foldable view of any JSON value; only the rows on screen exist, so size does not matter. */
export function JsonViewer({ value, label, fill = false, bare = false }: Props) {
  const [open, setOpen] = useState<JsonOpen>(defaultJsonOpen);
  const [needle, setNeedle] = useState("");
  const [current, setCurrent] = useState(0);
  const rows = useMemo(() => jsonRows(value, open, bare ? 2 : 3), [value, open, bare]);
  const wanted = useDeferredValue(needle.trim());
  const matches = useMemo(() => findInJson(value, wanted), [value, wanted]);
  const match = matches[current];

  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 20,
    overscan: 12,
    getItemKey: (index) => rows[index]?.id ?? index,
  });

  const [pending, setPending] = useState<string | null>(null);
  const go = (index: number) => {
    const next = matches[index];
    setCurrent(index);
    if (!next) return;
    setOpen((before) => opening(before, next));
    setPending(next.row);
  };
  useEffect(() => {
    setCurrent(0);
    const first = matches[0];
    if (!first) return;
    setOpen((before) => opening(before, first));
    setPending(first.row);
  }, [matches]);
  useEffect(() => {
    if (pending === null) return;
    const index = rows.findIndex((row) => row.id === pending);
    if (index < 0) return;
    virtualizer.scrollToIndex(index, { align: "center" });
    setPending(null);
  }, [pending, rows, virtualizer]);

  const toggle = (id: string, to: boolean) =>
    setOpen((before) => ({ ...before, byId: new Map(before.byId).set(id, to) }));
  const step = (by: number) => {
    if (matches.length > 0) go((current + by + matches.length) % matches.length);
  };
  const onFindKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && needle !== "") {
      event.stopPropagation();
      setNeedle("");
    }
  };

  const simple = typeof value !== "object" || value === null;
  return (
    <div className={`flex min-w-0 flex-col ${fill ? "h-full min-h-0" : ""}`}>
      {!bare && (
        <div className="flex h-8 shrink-0 items-center gap-1 border-b border-line px-2">
          <span className="mr-auto text-[11px] font-medium text-muted">{label}</span>
          <label className="flex h-6 min-w-0 items-center gap-1 rounded px-1.5 text-muted focus-within:bg-surface focus-within:outline focus-within:outline-accent">
            <Search size={12} className="shrink-0" />
            <input
              value={needle}
              onChange={(event) => setNeedle(event.target.value)}
              onKeyDown={onFindKey}
              placeholder="Find"
              aria-label={`Find in ${label}`}
              className="w-24 min-w-0 bg-transparent text-[12px] text-text outline-none placeholder:text-muted focus:w-40"
            />
          </label>
          {needle.trim() !== "" && (
            <>
              <span className="px-1 text-[11px] tabular-nums text-muted" aria-live="polite">
                {matches.length === 0
                  ? "none"
                  : `${current + 1}/${matches.length}${matches.length === mostMatches ? "+" : ""}`}
              </span>
              <IconButton label="Previous match" size={24} onClick={() => step(-1)}>
                <ChevronUp size={14} />
              </IconButton>
              <IconButton label="Next match" size={24} onClick={() => step(1)}>
                <ChevronDown size={14} />
              </IconButton>
              <IconButton label="Clear search" size={24} onClick={() => setNeedle("")}>
                <X size={14} />
              </IconButton>
            </>
          )}
          {!simple && (
            <>
              <IconButton
                label="Expand all"
                size={24}
                onClick={() => setOpen({ everything: true, byId: new Map() })}
              >
                <UnfoldVertical size={13} />
              </IconButton>
              <IconButton
                label="Collapse all"
                size={24}
                onClick={() => setOpen({ everything: false, byId: new Map([["$", true]]) })}
              >
                <FoldVertical size={13} />
              </IconButton>
            </>
          )}
          <CopyButton text={() => printed(value)} label={`Copy ${label.toLowerCase()}`} />
        </div>
      )}
      <div
        ref={scroller}
        role="group"
        tabIndex={0}
        aria-label={label}
        className={`overflow-auto font-mono text-[12px] leading-5 ${
          fill ? "min-h-0 flex-1" : "max-h-[min(60vh,560px)]"
        } ${bare ? "" : "py-1.5"}`}
      >
        <div className="relative" style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <div
                key={item.key}
                ref={virtualizer.measureElement}
                data-index={item.index}
                className="absolute inset-x-0 top-0"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <RowView row={row} wanted={wanted.toLowerCase()} match={match?.row === row.id ? match : null} onToggle={toggle} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function RowView({
  row,
  wanted,
  match,
  onToggle,
}: {
  row: JsonRow;
  wanted: string;
  /** The match one is at, when it is in this row. */
  match: JsonMatch | null;
  onToggle: (id: string, open: boolean) => void;
}) {
  const inLabel = match?.part === "label" ? match.nth : null;
  const inText = match?.part === "text" ? match.nth : null;
  const indent = { paddingLeft: 8 + Math.min(row.depth, 40) * 14 };
  const key =
    row.label === null ? null : (
      <span className="text-muted">
        <Marked text={row.label} wanted={wanted} current={inLabel} />
        <span>: </span>
      </span>
    );
  switch (row.type) {
    case "container":
    case "range": {
      const size = row.type === "container" ? row.size : row.to - row.from + 1;
      const [left, right] = row.type === "container" && !row.array ? ["{", "}"] : ["[", "]"];
      if (size === 0) {
        return (
          <div style={indent} className="pr-3">
            <Gap />
            {key}
            {left}
            {right}
          </div>
        );
      }
      return (
        <button
          type="button"
          aria-expanded={row.open}
          onClick={() => onToggle(row.id, !row.open)}
          style={indent}
          className="flex w-full items-start pr-3 text-left hover:bg-surface"
        >
          <span className="flex h-5 w-3.5 shrink-0 items-center text-faint">
            {row.open ? <ChevronDown size={12} /> : <ChevronRight size={12} />}
          </span>
          <span className="min-w-0 truncate">
            {row.type === "range" ? (
              <span className="text-muted">
                {row.from} … {row.to}
              </span>
            ) : (
              <>
                {key}
                {left}
                {!row.open && (
                  <>
                    <span className="text-muted"> {row.preview} </span>
                    {right}
                  </>
                )}
                <span className="ml-2 text-[11px] text-muted">{row.size}</span>
              </>
            )}
          </span>
        </button>
      );
    }
    case "close":
      return (
        <div style={indent} className="text-text">
          <Gap />
          {row.array ? "]" : "}"}
        </div>
      );
    case "value":
      return (
        <div style={indent} className="pr-3 whitespace-pre-wrap [overflow-wrap:anywhere]" dir="auto">
          <Gap />
          {key}
          <Scalar value={row.value} wanted={wanted} current={inText} />
        </div>
      );
    case "long":
      return (
        <div style={indent} className="pr-3 [overflow-wrap:anywhere]">
          <Gap />
          {key}
          {!row.open && <Marked text={row.text.slice(0, longText).replaceAll("\n", "⏎ ")} wanted={wanted} current={null} />}
          {!row.open && row.text.length > longText && <span className="text-muted">…</span>}{" "}
          <button
            type="button"
            aria-expanded={row.open}
            onClick={() => onToggle(row.id, !row.open)}
            className="rounded px-1 font-sans text-[11px] text-accent hover:underline"
          >
            {row.open ? "Collapse" : `Expand ${row.text.length.toLocaleString("en-US")} characters`}
          </button>
        </div>
      );
    case "piece":
      return (
        <div
          style={indent}
          dir="auto"
          className="border-line pr-3 whitespace-pre-wrap [overflow-wrap:anywhere]"
        >
          <Marked
            text={row.text.endsWith("\n") ? row.text.slice(0, -1) || " " : row.text}
            wanted={wanted}
            current={inText}
          />
        </div>
      );
  }
}

/** Keeps leaves in line with the members that have a chevron. */
function Gap() {
  return <span className="inline-block w-3.5" />;
}

interface MarkedProps {
  wanted: string;
  /** Which of the places is the current match; null when it is elsewhere. */
  current: number | null;
}

function Scalar({ value, wanted, current }: MarkedProps & { value: string | number | boolean | null }) {
  if (value === "") return <span className="text-muted">""</span>;
  if (typeof value === "string") return <Marked text={value} wanted={wanted} current={current} />;
  const tone = value === null ? "text-muted" : typeof value === "number" ? "text-num" : "text-accent";
  return (
    <span className={tone}>
      <Marked text={String(value)} wanted={wanted} current={current} />
    </span>
  );
}

function Marked({ text, wanted, current }: MarkedProps & { text: string }) {
  if (wanted === "") return text;
  const lower = text.toLowerCase();
  const pieces = [];
  let from = 0;
  let nth = 0;
  for (let found = lower.indexOf(wanted); found >= 0; found = lower.indexOf(wanted, from)) {
    pieces.push(
      text.slice(from, found),
      <mark
        key={found}
        className={`rounded-[2px] ${nth === current ? "bg-run text-bg" : "bg-run/30 text-text"}`}
      >
        {text.slice(found, found + wanted.length)}
      </mark>,
    );
    from = found + wanted.length;
    nth += 1;
  }
  return pieces.length === 0 ? text : [...pieces, text.slice(from)];
}
