/** Joins the newest first page into the pages already loaded. */
export interface Merged<Row> {
  pages: Row[][];
  /** Keys of rows that were not there before. */
  added: string[];
}

/**
 * Rows of `fresh` replace their older selves wherever they are; rows not seen before go where `fresh` has them. Those
 * after the last known one only moved up into the first page, and are left to paging. Rows of the old first page that
 * `fresh` no longer has stay, since they only moved down; unless `fresh` is the `whole` list.
 */
export function mergeFirstPage<Row>(
  pages: readonly Row[][],
  fresh: readonly Row[],
  keyOf: (row: Row) => string,
  whole = false,
): Merged<Row> {
  const known = new Set(pages.flatMap((page) => page.map(keyOf)));
  const isNew = (row: Row) => !known.has(keyOf(row));
  if (whole) return { pages: [[...fresh]], added: fresh.filter(isNew).map(keyOf) };
  const reach = withoutMovedUp(fresh, isNew);
  const newest = new Map(reach.map((row) => [keyOf(row), row]));
  /** New rows by the known row they follow. */
  const following = new Map<string | null, Row[]>();
  let before: string | null = null;
  for (const row of reach) {
    if (isNew(row)) following.set(before, [...(following.get(before) ?? []), row]);
    else before = keyOf(row);
  }
  const [first = [], ...rest] = pages.map((page) =>
    page.flatMap((row) => [newest.get(keyOf(row)) ?? row, ...(following.get(keyOf(row)) ?? [])]),
  );
  return { pages: [[...(following.get(null) ?? []), ...first], ...rest], added: reach.filter(isNew).map(keyOf) };
}

/** Leaves out the rows at the end of a first page that are there because rows before them went. */
export function withoutMovedUp<Row>(fresh: readonly Row[], isNew: (row: Row) => boolean): readonly Row[] {
  const last = fresh.findLastIndex((row) => !isNew(row));
  return last < 0 ? fresh : fresh.slice(0, last + 1);
}

/** Leaves out rows that were deleted. */
export function without<Row>(pages: readonly Row[][], gone: (row: Row) => boolean): Row[][] {
  return pages.map((page) => page.filter((row) => !gone(row)));
}
