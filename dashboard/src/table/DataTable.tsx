import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { useMediaQuery } from "../lib/media";
import { keepPlace, placeIn } from "./places";
import { useRowKeys } from "./useRowKeys";

export interface Column<Row> {
  id: string;
  title: string;
  /** CSS grid width, such as `96px` or `minmax(180px, 1fr)`. */
  width: string;
  right?: boolean;
  /** The least width of the table, in pixels, at which there is room for this column. */
  from?: number;
  /** The API's word for sorting by this column. */
  sort?: string;
  cell: (row: Row) => ReactNode;
}

export interface Sort {
  by: string;
  order: "asc" | "desc";
}

const ROW = 32;
const NARROW_ROW = 52;

/**
 * Rows of a list: only those in sight are drawn, so that ten thousand cost what fifty do.
 *
 * `j`/`k` move, Enter opens, Space peeks, Esc closes what is open beside. On narrow screens a row has two lines, drawn by `narrow`.
 * It begins where one left the list of the same `place`.
 */
export function DataTable<Row>({
  label,
  place,
  columns: all,
  rows,
  keyOf,
  narrow,
  sort,
  onSort,
  selected,
  onSelect,
  onVisit,
  onOpen,
  onPeek,
  onClose,
  onEnd,
  onScrolled,
  isNew,
  footer,
}: {
  label: string;
  /** What tells this list from others, and from itself with another search. */
  place: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  narrow: (row: Row) => ReactNode;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  selected: string | null;
  onSelect: (key: string | null) => void;
  /** A link in a row was followed. */
  onVisit?: (key: string) => void;
  onOpen: (row: Row) => void;
  onPeek?: (row: Row) => void;
  /** Closes what is open beside the list. */
  onClose?: () => void;
  /** The last rows came into sight. */
  onEnd?: () => void;
  onScrolled?: (scrolled: boolean) => void;
  isNew?: (row: Row) => boolean;
  footer?: ReactNode;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const isNarrow = useMediaQuery("(max-width: 767px)");
  const height = isNarrow ? NARROW_ROW : ROW;
  const [width, setWidth] = useState(Infinity);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const columns = all.filter(({ from = 0 }) => width >= from);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    initialOffset: () => placeIn(place).top,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : keyOf(row);
    },
    overscan: 12,
  });
  useEffect(() => virtual.measure(), [height, virtual]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - 10) onEnd?.();
  }, [last, rows.length, onEnd]);

  // It is gone from the page by the time that an effect ends, so the place is noted while one scrolls.
  useLayoutEffect(() => {
    scroller.current?.scrollTo({ top: placeIn(place).top });
  }, [place]);

  // While one has scrolled, rows that come or go above leave what one reads where it is.
  const top = useRef<{ key: string; index: number } | null>(null);
  const noteTop = () => {
    const index = Math.floor((scroller.current?.scrollTop ?? 0) / height);
    const row = rows[index];
    top.current = row === undefined ? null : { key: keyOf(row), index };
  };
  useLayoutEffect(() => {
    const element = scroller.current;
    const before = top.current;
    if (element !== null && before !== null && element.scrollTop > 4) {
      const index = rows.findIndex((row) => keyOf(row) === before.key);
      if (index >= 0 && index !== before.index) element.scrollBy({ top: (index - before.index) * height });
    }
    noteTop();
  }, [rows, height]);

  // A list that is not there is not scrolled.
  const left = useRef(onScrolled);
  left.current = onScrolled;
  useEffect(() => () => left.current?.(false), []);

  useRowKeys({
    rows,
    keyOf,
    selected,
    first: () => Math.ceil((scroller.current?.scrollTop ?? 0) / height),
    onMove: (key, index) => {
      onSelect(key);
      virtual.scrollToIndex(index);
    },
    onOpen,
    onPeek,
    onClose,
  });

  const template = columns.map((column) => column.width).join(" ");
  return (
    <div
      ref={scroller}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length}
      tabIndex={0}
      onScroll={(event) => {
        noteTop();
        keepPlace(place, { top: event.currentTarget.scrollTop });
        onScrolled?.(event.currentTarget.scrollTop > 4);
      }}
      className="@container min-h-0 flex-1 overflow-auto outline-none focus-visible:shadow-[inset_0_0_0_1px_var(--accent)]"
    >
      {!isNarrow && (
        <div
          role="row"
          style={{ gridTemplateColumns: template }}
          className="sticky top-0 z-10 grid h-8 min-w-fit items-center gap-4 border-b border-line bg-bg px-4 text-[11px] text-muted"
        >
          {columns.map((column) => (
            <HeaderCell key={column.id} column={column} sort={sort} onSort={onSort} />
          ))}
        </div>
      )}
      <div role="rowgroup" style={{ height: virtual.getTotalSize() }} className="relative min-w-fit">
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          const key = keyOf(row);
          const look = `${key === selected ? "selected" : "hover:bg-hover"} ${isNew?.(row) === true ? "fade-in" : ""}`;
          return (
            <div
              key={item.key}
              role="row"
              aria-selected={key === selected}
              onClick={(event) => {
                // A link opens itself, in a new tab where one asks for it.
                if ((event.target as HTMLElement).closest("a") !== null) {
                  onVisit?.(key);
                  return;
                }
                onSelect(key);
                onOpen(row);
              }}
              style={{ height, transform: `translateY(${item.start}px)`, gridTemplateColumns: isNarrow ? undefined : template }}
              className={`absolute inset-x-0 border-b border-line/60 px-4 ${
                isNarrow ? "flex flex-col justify-center gap-0.5" : "grid items-center gap-4"
              } ${look}`}
            >
              {isNarrow
                ? narrow(row)
                : columns.map((column) => (
                    <div key={column.id} role="cell" className={`min-w-0 ${column.right === true ? "text-right" : ""}`}>
                      {column.cell(row)}
                    </div>
                  ))}
            </div>
          );
        })}
      </div>
      {footer}
    </div>
  );
}

function HeaderCell<Row>({
  column,
  sort,
  onSort,
}: {
  column: Column<Row>;
  sort: Sort | undefined;
  onSort: ((sort: Sort) => void) | undefined;
}) {
  const by = column.sort;
  const place = column.right === true ? "justify-end" : "";
  if (by === undefined || onSort === undefined) {
    return (
      <div role="columnheader" className={`flex ${place}`}>
        {column.title}
      </div>
    );
  }
  const active = sort?.by === by ? sort.order : null;
  const Arrow = active === "asc" ? ArrowUp : ArrowDown;
  return (
    <div role="columnheader" aria-sort={active === null ? "none" : active === "asc" ? "ascending" : "descending"} className={`flex ${place}`}>
      <button
        type="button"
        onClick={() => onSort({ by, order: active === "desc" ? "asc" : "desc" })}
        className={`flex items-center gap-1 rounded hover:text-text ${active === null ? "" : "text-text"}`}
      >
        {column.title}
        {active !== null && <Arrow size={11} />}
      </button>
    </div>
  );
}

/** Rows that stand where rows will be. */
export function TableSkeleton() {
  return (
    <div aria-hidden className="flex-1 overflow-hidden">
      {Array.from({ length: 14 }, (_, index) => (
        <div key={index} className="flex h-8 items-center gap-6 border-b border-line/60 px-4">
          <div className="skeleton h-3" style={{ width: `${28 + ((index * 37) % 30)}%` }} />
          <div className="skeleton ml-auto h-3 w-16" />
          <div className="skeleton h-3 w-12" />
          <div className="skeleton h-3 w-20" />
        </div>
      ))}
    </div>
  );
}
