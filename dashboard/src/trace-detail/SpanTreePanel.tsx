import { useVirtualizer } from "@tanstack/react-virtual";
import { FoldVertical, Search, UnfoldVertical, X, ZoomIn, ZoomOut } from "lucide-react";
import {
  useCallback,
  useDeferredValue,
  useEffect,
  useEffectEvent,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type RefObject,
} from "react";
import { IconButton } from "../components/IconButton";
import { isTyping } from "../lib/keys";
import { BarTip } from "./BarTip";
import { FilterMenu } from "./FilterMenu";
import { Minimap } from "./Minimap";
import { readFilter, written, type FilterSearch } from "./model/filter-search";
import { familyOf, stateOf, type SpanFamily, type SpanState } from "./model/span";
import {
  defaultExpansion,
  isFiltering,
  matching,
  revealing,
  visibleRows,
  withOpen,
  type Expansion,
  type SpanTree,
  type TreeFilter,
} from "./model/tree";
import { momentOfInterest, showing, zoomed, zoomedTo, type TimeWindow } from "./model/waterfall";
import { Ruler, wheeled } from "./Ruler";
import { nameColumn, SpanRow, stepOf } from "./SpanRow";

const rowHeight = 32;
/** From this many spans on, a minimap helps more than it takes. */
const minimapFrom = 100;
/** How long after the last letter the URL names what is searched. */
const typingMs = 200;

interface Props {
  tree: SpanTree;
  layout: "tree" | "waterfall";
  selected: string | null;
  whole: TimeWindow;
  now: number;
  onSelect: (id: string, opens: boolean) => void;
  /** The filter, which the URL keeps. */
  filter: FilterSearch;
  onFilter: (change: FilterSearch) => void;
  search: RefObject<HTMLInputElement | null>;
}

/** The spans of a trace as a tree or a waterfall, both in the same rows. */
export function SpanTreePanel({ tree, layout, selected, whole, now, onSelect, filter: kept, onFilter, search }: Props) {
  const [expansion, setExpansion] = useState<Expansion>(defaultExpansion);
  const [text, setText] = useState(kept.find ?? "");
  const { states, families } = useMemo(
    () => readFilter({ states: kept.states, kinds: kept.kinds }),
    [kept.states, kept.kinds],
  );
  const [zoom, setZoom] = useState<TimeWindow | null>(null);

  const wanted = useDeferredValue(text);
  const filter: TreeFilter = useMemo(() => ({ text: wanted, states, families }), [wanted, states, families]);
  const filtering = isFiltering(filter);
  const found = useMemo(() => (filtering ? matching(tree, filter) : null), [tree, filter, filtering]);
  const rows = useMemo(() => visibleRows(tree, expansion, found), [tree, expansion, found]);
  const window = layout === "waterfall" && zoom ? zoom : whole;

  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 10,
    getItemKey: (index) => rows[index]?.node.span.id ?? index,
  });

  // A span chosen elsewhere, by link or by parent, is brought into view.
  const arrived = useRef<string | null>(null);
  useLayoutEffect(() => {
    if (selected === null || arrived.current === selected || !tree.byId.has(selected)) return;
    const index = rows.findIndex((row) => row.node.span.id === selected);
    if (index < 0) {
      if (!found) setExpansion((before) => revealing(tree, before, selected));
      return;
    }
    arrived.current = selected;
    virtualizer.scrollToIndex(index, { align: "center" });
  }, [selected, rows, tree, found, virtualizer]);

  const keepText = useEffectEvent(() => {
    if (text !== (kept.find ?? "")) onFilter({ find: text === "" ? undefined : text });
  });
  useEffect(() => {
    const timer = setTimeout(keepText, typingMs);
    return () => clearTimeout(timer);
  }, [text]);
  const clear = () => {
    setText("");
    onFilter({ find: undefined, states: undefined, kinds: undefined });
  };

  const select = useCallback(
    (id: string) => {
      arrived.current = id;
      onSelect(id, true);
    },
    [onSelect],
  );
  const toggle = useCallback(
    (id: string, open: boolean) => setExpansion((before) => withOpen(before, id, open)),
    [],
  );
  const setWindow = useCallback(
    (next: TimeWindow) => {
      const all = next.end - next.start >= (whole.end - whole.start) * 0.999;
      setZoom(all ? null : next);
    },
    [whole],
  );

  // Where one has zoomed in, a span that is chosen comes into sight in time as well.
  const bringIntoWindow = useEffectEvent(() => {
    const span = selected === null ? undefined : tree.byId.get(selected)?.span;
    if (span && zoom && layout === "waterfall") setWindow(showing(span, zoom, whole, now));
  });
  useEffect(() => bringIntoWindow(), [selected]);

  const goToPlace = (share: number) => {
    const places = new Map(rows.map((row, index) => [row.node, index]));
    let node = tree.nodes[Math.min(Math.floor(share * tree.nodes.length), tree.nodes.length - 1)];
    while (node?.parent && !places.has(node)) node = node.parent;
    const index = node ? places.get(node) : undefined;
    if (index !== undefined) virtualizer.scrollToIndex(index, { align: "center" });
  };
  const moveTo = (index: number) => {
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    if (!row) return;
    arrived.current = row.node.span.id;
    onSelect(row.node.span.id, false);
    virtualizer.scrollToIndex(rows.indexOf(row), { align: "auto" });
  };
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isTyping(event)) return;
    const index = rows.findIndex((row) => row.node.span.id === selected);
    const row = rows[index];
    const inside = scroller.current?.contains(document.activeElement) ?? false;
    const free = inside || !scrolls(document.activeElement);
    switch (event.key) {
      case "ArrowDown":
        if (!free) return;
        moveTo(index + 1);
        break;
      case "j":
        moveTo(index + 1);
        break;
      case "ArrowUp":
        if (!free) return;
        moveTo(index < 0 ? 0 : index - 1);
        break;
      case "k":
        moveTo(index < 0 ? 0 : index - 1);
        break;
      case "Home":
        if (!inside) return;
        moveTo(0);
        break;
      case "End":
        if (!inside) return;
        moveTo(rows.length - 1);
        break;
      case "ArrowRight":
        if (!free || !row) return;
        if (row.node.children.length > 0 && !row.open) toggle(row.node.span.id, true);
        else if (row.open) moveTo(index + 1);
        break;
      case "ArrowLeft":
        if (!free || !row) return;
        if (row.open && !found) toggle(row.node.span.id, false);
        else if (row.node.parent) {
          const parent = row.node.parent;
          moveTo(rows.findIndex((candidate) => candidate.node === parent));
        }
        break;
      default:
        return;
    }
    event.preventDefault();
  });
  useEffect(() => {
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const onWheel = useEffectEvent((event: WheelEvent) => {
    if (layout !== "waterfall") return;
    const area = scroller.current?.querySelector("[data-axis]")?.getBoundingClientRect();
    const next = area ? wheeled(event, area, window, whole) : null;
    if (!next) return;
    event.preventDefault();
    setWindow(next);
  });
  useEffect(() => {
    const element = scroller.current;
    // React listens passively, which would let the browser zoom the page as well.
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, []);

  const zoomIn = () => {
    const box = scroller.current;
    if (!box) return;
    const onScreen = rows.slice(Math.floor(box.scrollTop / rowHeight), Math.ceil((box.scrollTop + box.clientHeight) / rowHeight));
    const spans = onScreen.map((row) => row.node.span);
    const chosen = spans.find((span) => span.id === selected) ?? null;
    setWindow(zoomedTo(window, whole, momentOfInterest(chosen, spans, window, now), 0.5));
  };

  const counts = useMemo(() => countsOf(tree), [tree]);
  const items = virtualizer.getVirtualItems();
  const first = rows[items[0]?.index ?? 0];
  const last = rows[items[items.length - 1]?.index ?? 0];
  const place = useMemo(() => new Map(tree.nodes.map((node, index) => [node, index])), [tree]);
  const shown = {
    top: first ? (place.get(first.node) ?? 0) / tree.nodes.length : 0,
    bottom: last ? ((place.get(last.node) ?? 0) + 1) / tree.nodes.length : 1,
  };
  const activeId = selected !== null && rows.some((row) => row.node.span.id === selected) ? rowId(selected) : undefined;

  return (
    <div className="@container flex min-h-0 flex-1 flex-col">
      <div className="flex h-9 shrink-0 items-center gap-1 border-b border-line px-2">
        <label className="flex h-7 min-w-0 flex-1 items-center gap-1.5 rounded-md px-1 text-muted has-[input:focus-visible]:outline-2 has-[input:focus-visible]:outline-accent">
          <Search size={13} className="shrink-0" />
          <input
            ref={search}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") {
                event.stopPropagation();
                event.preventDefault();
                if (text === "") event.currentTarget.blur();
                else setText("");
              } else if (event.key === "Enter" || event.key === "ArrowDown") {
                event.preventDefault();
                const match = rows.find((row) => row.matches);
                if (text !== (kept.find ?? "")) onFilter({ find: text });
                if (match) select(match.node.span.id);
                event.currentTarget.blur();
                scroller.current?.focus();
              }
            }}
            placeholder="Search spans"
            aria-label="Search spans by name, model, kind or id"
            className="min-w-0 flex-1 bg-transparent text-[13px] text-text outline-none placeholder:text-muted"
          />
          {found ? (
            <span className="shrink-0 text-[11px] tabular-nums text-muted" aria-live="polite">
              {found.size.toLocaleString("en-US")}
              <span className="@max-[360px]:hidden"> of {tree.nodes.length.toLocaleString("en-US")}</span>
            </span>
          ) : (
            <kbd className="hidden shrink-0 md:block rounded border border-line px-1 font-mono text-[10px] text-muted">/</kbd>
          )}
        </label>
        {found && (
          <IconButton label="Clear filter" onClick={clear}>
            <X size={14} />
          </IconButton>
        )}
        <FilterMenu
          counts={counts}
          states={states}
          families={families}
          onStates={(next) => onFilter({ states: written(next) })}
          onFamilies={(next) => onFilter({ kinds: written(next) })}
        />
        <IconButton label="Expand all" onClick={() => setExpansion({ everything: true, byId: new Map() })}>
          <UnfoldVertical size={14} />
        </IconButton>
        <IconButton label="Collapse all" onClick={() => setExpansion({ everything: false, byId: new Map() })}>
          <FoldVertical size={14} />
        </IconButton>
      </div>
      {tree.nodes.length > minimapFrom && (
        <Minimap
          tree={tree}
          whole={whole}
          window={window}
          now={now}
          rows={shown}
          onWindow={layout === "waterfall" ? setWindow : undefined}
          onPlace={goToPlace}
        />
      )}
      {layout === "waterfall" && (
        <div className="flex h-7 shrink-0 items-center border-b border-line pr-3">
          <div className="flex shrink-0 items-center justify-between pr-1 pl-3 text-[11px] text-muted" style={{ width: nameColumn }}>
            Span
            <span className="flex">
              <IconButton
                label="Zoom out"
                size={24}
                disabled={!zoom}
                onClick={() => setWindow(zoomed(window, whole, 0.5, 2))}
              >
                <ZoomOut size={13} />
              </IconButton>
              <IconButton label="Zoom in" size={24} onClick={zoomIn}>
                <ZoomIn size={13} />
              </IconButton>
            </span>
          </div>
          <Ruler whole={whole} window={window} onWindow={setWindow} />
        </div>
      )}
      <div
        ref={scroller}
        role="tree"
        tabIndex={0}
        aria-label="Spans"
        aria-activedescendant={activeId}
        className={`${stepOf[layout]} min-h-0 flex-1 overflow-auto outline-none focus-visible:shadow-[inset_0_0_0_1px_var(--accent)]`}
      >
        <div className="relative" style={{ height: virtualizer.getTotalSize() }}>
          {layout === "waterfall" && (
            <div className="pointer-events-none absolute inset-y-0 right-3 left-0" aria-hidden>
              <div data-axis className="absolute inset-y-0 right-0" style={{ left: nameColumn }} />
            </div>
          )}
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const { span } = row.node;
            return (
              <div
                key={item.key}
                className="absolute inset-x-0 top-0"
                style={{ transform: `translateY(${item.start}px)`, height: rowHeight }}
              >
                <SpanRow
                  row={row}
                  id={rowId(span.id)}
                  selected={span.id === selected}
                  layout={layout}
                  window={window}
                  now={now}
                  onSelect={select}
                  onToggle={toggle}
                />
              </div>
            );
          })}
        </div>
        {layout === "waterfall" && <BarTip scroller={scroller} rows={rows} rowHeight={rowHeight} origin={whole.start} now={now} />}
        {found?.size === 0 && (
          <div className="px-4 py-8 text-center text-[13px] text-muted">
            No span matches.{" "}
            <button
              type="button"
              className="text-accent hover:underline"
              onClick={clear}
            >
              Clear the filter
            </button>
          </div>
        )}
      </div>
    </div>
  );
}

function rowId(span: string): string {
  return `span-${span}`;
}

/** Whether arrow keys belong to a scrolling element rather than to the tree. */
function scrolls(element: Element | null): boolean {
  return element instanceof HTMLElement && element !== document.body && element.tabIndex >= 0 && element.scrollHeight > element.clientHeight + 1;
}

export interface SpanCounts {
  states: Map<SpanState, number>;
  families: Map<SpanFamily, number>;
}

function countsOf(tree: SpanTree): SpanCounts {
  const counts: SpanCounts = { states: new Map(), families: new Map() };
  for (const { span } of tree.nodes) {
    const state = stateOf(span);
    const family = familyOf(span);
    counts.states.set(state, (counts.states.get(state) ?? 0) + 1);
    counts.families.set(family, (counts.families.get(family) ?? 0) + 1);
  }
  return counts;
}
