const PAGE = 10;

/** Where an arrow or paging key leads, of `count` rows; null for every other key. */
export function rowAfter(key: string, row: number, count: number): number | null {
  const to: Record<string, number> = {
    ArrowDown: row + 1,
    ArrowUp: row - 1,
    PageDown: row + PAGE,
    PageUp: row - PAGE,
    Home: 0,
    End: count - 1
  };
  const found = to[key];
  return found === undefined ? null : Math.min(Math.max(found, 0), count - 1);
}
