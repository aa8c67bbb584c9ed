// How wide the columns of the table are, and which rows of it are drawn.

/** Pixels that a letter takes, and that a cell adds to its text. */
const [LETTER, ROOM] = [8.2, 22]
const [LEAST, MOST] = [56, 260]
/** How many rows the width is taken from. */
const LOOKED_AT = 200

/** The width of a column for its name and for the longest text of some of its rows. */
export function widthOf(name: string, rows: number, textAt: (row: number) => string): number {
  // The head has an arrow beside its name.
  let longest = name.length + 2
  const step = Math.max(1, Math.floor(rows / LOOKED_AT))
  for (let row = 0; row < rows; row += step) longest = Math.max(longest, textAt(row).length)
  return Math.round(Math.min(MOST, Math.max(LEAST, longest * LETTER + ROOM)))
}

/** Rows beyond the edges, so that scrolling finds them drawn. */
const BEYOND = 12

export interface Span {
  first: number
  /** one after the last */
  end: number
}

/** The rows of `height` pixels that are seen in a window of `room` pixels, and some beyond. */
export function rowsSeen(rows: number, height: number, scrolled: number, room: number): Span {
  const first = Math.max(0, Math.min(rows, Math.floor(scrolled / height)) - BEYOND)
  return { first, end: Math.min(rows, Math.ceil((scrolled + room) / height) + BEYOND) }
}
