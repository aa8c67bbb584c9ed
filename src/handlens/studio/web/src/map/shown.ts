/** The photos of a map that are shown and have a place, in the prepare order. */
export interface Shown {
  count: number
  /** they are among the first so many photos */
  rows: number
  /** whether these are all of the first photos of the order that are shown, and no others */
  areFirst: boolean
  /** tells their places from others; the server computes the same */
  places: number
}

/**
 * @param order id at each row of the prepare order
 * @param shown one 0/1 byte by id
 * @param xy [N, 2] by id, NaN for photos without a place
 * @param drawn [N, 2] by id: where they are drawn, NaN for those that are not
 */
export function shownOf(order: Int32Array, shown: Uint8Array, xy: Float32Array, drawn: Float32Array): Shown {
  const words = new Uint32Array(xy.buffer, xy.byteOffset, xy.length)
  let [count, placed, rows, places, last] = [0, 0, 0, 0, -1]
  for (let row = 0; row < order.length; row++) {
    const id = order[row]!
    if (!shown[id]) continue
    count++
    last = row
    if (!Number.isFinite(drawn[2 * id]! + drawn[2 * id + 1]!)) continue
    placed++
    rows = row + 1
    places += Math.imul(words[2 * id]!, 4 * row + 1) + Math.imul(words[2 * id + 1]!, 4 * row + 3)
    places |= 0
  }
  return { count: placed, rows, areFirst: count > 0 && last === count - 1, places: places >>> 0 }
}
