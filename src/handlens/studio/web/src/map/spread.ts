/** Cells of a spread for each photo: the free ones keep some of the gaps between groups. */
const CELLS = 1.3

/** Photos laid out without overlap, each in a cell of its own. */
export interface Spread {
  /** [N, 2] by id: the centre of the photo's cell, NaN for photos that were not laid out */
  positions: Float32Array
  /** width and height of a cell, in map units */
  width: number
  height: number
}

/**
 * Lays photos out on a grid over the place that they take on a map, each near its place.
 *
 * The grid is halved again and again, always across its longer side, and the photos with it: those on the left of the
 * line go left, as far as there is room; where there is none, the ones nearest to the line go over it.
 *
 * @param positions [N, 2] by id
 * @param ids the photos to lay out; all have a place
 * @param aspect width over height of a cell, about
 */
export function spread(positions: Float32Array, ids: ArrayLike<number>, aspect: number): Spread {
  const n = ids.length
  const left = Array.from({ length: n }, (_, i) => positions[2 * ids[i]!]!)
  const top = Array.from({ length: n }, (_, i) => positions[2 * ids[i]! + 1]!)
  const [x0, spanX] = extent(left)
  const [y0, spanY] = extent(top)
  // Photos in one place or on one line still need room.
  const least = Math.max(spanX, spanY, 1e-3) / 4
  const boxWidth = Math.max(spanX, least)
  const boxHeight = Math.max(spanY, least)

  const cells = n < 2 ? n : CELLS * n
  const columns = Math.max(1, Math.round(Math.sqrt((cells * boxWidth) / boxHeight / aspect)))
  const rows = Math.max(1, Math.ceil(cells / columns))
  const width = boxWidth / columns
  const height = boxHeight / rows
  const startX = x0 + (spanX - boxWidth) / 2
  const startY = y0 + (spanY - boxHeight) / 2

  const placed = new Float32Array(positions.length).fill(NaN)
  const row = Int32Array.from(ids)
  const place = (from: number, to: number, c0: number, c1: number, r0: number, r1: number): void => {
    if (from === to) return
    if ((c1 - c0) * (r1 - r0) === 1) {
      const id = row[from]!
      placed[2 * id] = startX + (c0 + 0.5) * width
      placed[2 * id + 1] = startY + (r0 + 0.5) * height
      return
    }
    const across = r1 - r0 === 1 || (c1 > c0 + 1 && (c1 - c0) * width >= (r1 - r0) * height)
    const middle = across ? (c0 + c1) >> 1 : (r0 + r1) >> 1
    const axis = across ? 0 : 1
    const line = across ? startX + middle * width : startY + middle * height
    const room = across ? (middle - c0) * (r1 - r0) : (middle - r0) * (c1 - c0)
    const rest = (c1 - c0) * (r1 - r0) - room
    let before = 0
    for (let i = from; i < to; i++) if (positions[2 * row[i]! + axis]! < line) before++
    const cut = from + Math.min(room, Math.max(to - from - rest, before))
    divide(row, from, to, cut, positions, axis)
    if (across) {
      place(from, cut, c0, middle, r0, r1)
      place(cut, to, middle, c1, r0, r1)
    } else {
      place(from, cut, c0, c1, r0, middle)
      place(cut, to, c0, c1, middle, r1)
    }
  }
  place(0, n, 0, columns, 0, rows)
  return { positions: placed, width, height }
}

function extent(values: number[]): [start: number, span: number] {
  let low = Infinity
  let high = -Infinity
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return low <= high ? [low, high - low] : [0, 0]
}

/**
 * Orders `row[from…to)` so that no photo before `cut` lies behind one from there on, along one axis (quickselect;
 * Hoare 1961). Of photos in the same place, the one with the smaller id comes first.
 */
function divide(row: Int32Array, from: number, to: number, cut: number, positions: Float32Array, axis: 0 | 1): void {
  const isBefore = (a: number, b: number): boolean => {
    const difference = positions[2 * a + axis]! - positions[2 * b + axis]!
    return difference < 0 || (difference === 0 && a < b)
  }
  let low = from
  let high = to - 1
  while (low < high) {
    const pivot = row[(low + high) >> 1]!
    let i = low
    let j = high
    while (i <= j) {
      while (isBefore(row[i]!, pivot)) i++
      while (isBefore(pivot, row[j]!)) j--
      if (i > j) break
      const swapped = row[i]!
      row[i++] = row[j]!
      row[j--] = swapped
    }
    if (cut <= j) high = j
    else if (cut >= i) low = i
    else return
  }
}
