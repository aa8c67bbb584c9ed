// Where photos lie in a grid: rows of equal photos, with a heading above each group. Small groups share a row.

export interface GridLayout {
  columns: number
  /** pixels from the left edge of one photo to that of the next */
  step: number
  /** width and height of a photo */
  side: number
  rows: readonly GridRow[]
  height: number
}

/** Headings of groups, or photos from `first` on, up to `end`. */
export type GridRow = { top: number; height: number } & (
  | { headings: readonly Heading[]; first: number }
  | { headings?: undefined; first: number; end: number }
)

/** Over so many columns, from `column` on. */
interface Heading {
  text: string
  column: number
  columns: number
}

export const GAP = 6
const HEADING = 30

interface Shape {
  count: number
  /** of the room for the grid */
  width: number
  /** of a photo, about: photos grow a little to fill the row */
  size: number
  /** pixels below each photo */
  captionHeight: number
  /** by the place of the photo below each */
  headings: ReadonlyMap<number, string>
}

export function layOut({ count, width, size, captionHeight, headings }: Shape): GridLayout {
  const columns = Math.max(1, Math.floor((width - GAP) / (size + GAP)))
  const step = Math.max(1, Math.floor((width - GAP) / columns))
  const side = Math.max(1, step - GAP)
  const rows: GridRow[] = []
  let top = GAP
  let place = 0
  while (place < count) {
    const inRow: Heading[] = []
    let end = place
    do {
      const next = groupEnd(end, Math.min(count, place + columns), headings)
      const text = headings.get(end)
      if (text !== undefined) inRow.push({ text, column: end - place, columns: next - end })
      end = next
    } while (end < count && headings.has(end) && groupEnd(end, count, headings) <= place + columns)
    if (inRow.length > 0) {
      rows.push({ top, height: HEADING, headings: inRow, first: place })
      top += HEADING
    }
    rows.push({ top, height: side + captionHeight, first: place, end })
    top += side + captionHeight + GAP
    place = end
  }
  return { columns, step, side, rows, height: top }
}

/** The place after the group that `place` is in, at most `most`. */
function groupEnd(place: number, most: number, headings: ReadonlyMap<number, string>): number {
  let end = place + 1
  while (end < most && !headings.has(end)) end++
  return end
}

/** The rows between two heights, and one more on each side. */
export function rowsBetween({ rows }: GridLayout, from: number, to: number): readonly GridRow[] {
  const first = Math.max(0, firstEndingAfter(rows, from) - 1)
  let last = first
  while (last < rows.length && rows[last]!.top < to) last++
  return rows.slice(first, last + 1)
}

/** The place that a key leads to from `at`; undefined for keys that do not move. */
export function placeAfter(
  key: string,
  at: number,
  layout: GridLayout,
  count: number,
  room: number,
): number | undefined {
  switch (key) {
    case 'ArrowLeft':
      return Math.max(0, at - 1)
    case 'ArrowRight':
      return Math.min(count - 1, at + 1)
    case 'ArrowUp':
      return vertically(at, layout, -1)
    case 'ArrowDown':
      return vertically(at, layout, 1)
    case 'PageUp':
      return vertically(at, layout, -rowsIn(layout, room))
    case 'PageDown':
      return vertically(at, layout, rowsIn(layout, room))
    case 'Home':
      return 0
    case 'End':
      return count - 1
  }
}

export function rowOf({ rows }: GridLayout, place: number): GridRow | undefined {
  return rows.find((row) => row.headings === undefined && row.first <= place && place < row.end)
}

const rowsIn = ({ side }: GridLayout, room: number): number => Math.max(1, Math.floor(room / (side + GAP)))

/** As many rows of photos further, in the same column or the last one of a shorter row. */
function vertically(at: number, { rows }: GridLayout, by: number): number {
  const photos = rows.filter((row) => row.headings === undefined)
  const now = photos.findIndex((row) => row.first <= at && at < row.end)
  if (now < 0) return 0
  const to = photos[Math.max(0, Math.min(photos.length - 1, now + by))]!
  return Math.min(to.end - 1, to.first + (at - photos[now]!.first))
}

function firstEndingAfter(rows: readonly GridRow[], height: number): number {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const row = rows[middle]!
    if (row.top + row.height > height) high = middle
    else low = middle + 1
  }
  return low
}
