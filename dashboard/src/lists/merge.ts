/** Joins the newest first page into the pages already loaded. */
export interface Merged<Row> {
  pages: Row[][];
  /** Keys of rows that were not there before. */
  added: string[];
}

/**
 * Rows of `fresh` replace their older selves wherever they are; rows not seen before go on top. Rows of the old first
 * page that `fresh` no longer has stay, since they only moved down; unless `fresh` is the `whole` list.
 */
export function mergeFirstPage<Row>(
  pages: readonly Row[][],
  fresh: readonly Row[],
  keyOf: (row: Row) => string,
  whole = false,
): Merged<Row> {
  const newest = new Map(fresh.map((row) => [keyOf(row), row]));
  const known = new Set(pages.flatMap((page) => page.map(keyOf)));
  const added = fresh.filter((row) => !known.has(keyOf(row)));
  if (whole) return { pages: [[...fresh]], added: added.map(keyOf) };
  const replaced = pages.map((page) => page.map((row) => newest.get(keyOf(row)) ?? row));
  const [first = [], ...rest] = replaced;
  return { pages: [[...added, ...first], ...rest], added: added.map(keyOf) };
}

/** Leaves out rows that were deleted. */
export function without<Row>(pages: readonly Row[][], gone: (row: Row) => boolean): Row[][] {
  return pages.map((page) => page.filter((row) => !gone(row)));
}
