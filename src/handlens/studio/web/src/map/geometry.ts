import type { Bounds } from './types'

/** Whether (x, y) lies within the closed polygon (x0, y0, x1, y1, …), by nonzero winding: a loop crossed twice still encloses. */
export function insidePolygon(polygon: ArrayLike<number>, x: number, y: number): boolean {
  let winding = 0
  for (let i = 0; i < polygon.length; i += 2) winding += crossing(polygon, i, x, y)
  return winding !== 0
}

/** What the edge that ends at `polygon[i]` adds to the winding about (x, y): 0 for one that does not pass it on the left. */
export function crossing(polygon: ArrayLike<number>, i: number, x: number, y: number): number {
  const j = i === 0 ? polygon.length - 2 : i - 2
  const yi = polygon[i + 1]!
  const yj = polygon[j + 1]!
  if (yj <= y === yi <= y) return 0
  const xi = polygon[i]!
  const xj = polygon[j]!
  // Sign of the cross product: on which side of the edge j → i the point lies.
  const side = (xi - xj) * (y - yj) - (x - xj) * (yi - yj)
  if (yi > yj) return side > 0 ? 1 : 0
  return side < 0 ? -1 : 0
}

/** Bounds of (x0, y0, x1, y1, …), leaving out pairs that are not numbers; null when there are none. */
export function boundsOf(points: ArrayLike<number>, use?: (i: number) => boolean): Bounds | null {
  let left = Infinity
  let right = -Infinity
  let bottom = Infinity
  let top = -Infinity
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i]!
    const y = points[i + 1]!
    if (!Number.isFinite(x + y) || (use && !use(i >> 1))) continue
    if (x < left) left = x
    if (x > right) right = x
    if (y < bottom) bottom = y
    if (y > top) top = y
  }
  return left <= right ? { left, right, bottom, top } : null
}

/** The four corners, in order, of the box with two opposite corners given. */
export function boxPolygon(x0: number, y0: number, x1: number, y1: number): number[] {
  return [x0, y0, x1, y0, x1, y1, x0, y1]
}

/**
 * Mask, one 0/1 byte a photo, of the photos in `ids` whose centre lies within the polygon.
 *
 * `positions` is [count, 2]; photos without a position (NaN) are never enclosed.
 */
export function enclosed(
  polygon: ArrayLike<number>,
  positions: Float32Array,
  ids: Iterable<number>,
  count: number,
): Uint8Array {
  const mask = new Uint8Array(count)
  const around = polygon.length >= 6 ? boundsOf(polygon) : null
  if (!around) return mask
  for (const id of ids) {
    const x = positions[2 * id]!
    const y = positions[2 * id + 1]!
    // Written so that NaN fails.
    if (!(x >= around.left && x <= around.right && y >= around.bottom && y <= around.top)) continue
    if (insidePolygon(polygon, x, y)) mask[id] = 1
  }
  return mask
}

/** Half width and half height of a thumbnail of the given side (that of a square of equal area) at its true aspect. */
export function halfSize(side: number, aspect: number): [number, number] {
  const root = Math.sqrt(aspect)
  return [(side * root) / 2, side / root / 2]
}

/**
 * How much smaller a thumbnail is drawn, so that it lies within a cell of the same area; 1 where the cell has its aspect.
 */
export function shrunkInto(aspect: number, cellAspect: number): number {
  return Math.min(1, Math.sqrt(cellAspect / aspect), Math.sqrt(aspect / cellAspect))
}

/** An aspect that can be drawn: unknown (0, NaN) is square, and very long strips are kept visible. */
export function drawnAspect(aspect: number): number {
  return aspect > 0 && Number.isFinite(aspect) ? Math.min(8, Math.max(1 / 8, aspect)) : 1
}
