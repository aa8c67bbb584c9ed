// Where a key leads in a table of rows.

/** The row after a key, from row `at` (−1: none yet); null for keys that do not move. */
export function nextCurrent(key: string, at: number, rows: number, page: number): number | null {
  const to = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: rows - 1,
  }[key]
  if (to === undefined || rows === 0) return null
  return Math.max(0, Math.min(rows - 1, to))
}
