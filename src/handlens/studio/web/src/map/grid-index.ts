import { boundsOf, crossing } from './geometry'
import type { Bounds } from './types'

/** Photos in a cell of the grid, on average. */
const A_CELL = 24
const MOST_CELLS = 512

/**
 * The photos of a map by where they are: which lie in a rectangle, in a polygon, or at a point.
 *
 * Photos are looked up in a grid, and in each of its cells they stand in the order of preparing.
 */
export class GridIndex {
  /** photos that have a place */
  readonly count: number
  readonly bounds: Bounds | null
  private readonly columns: number
  private readonly starts: Int32Array
  private readonly ids: Int32Array

  /**
   * @param positions [N, 2] by id, NaN for photos without a place
   * @param order id at each row of the prepare order
   */
  constructor(
    private readonly positions: Float32Array,
    order: Int32Array,
  ) {
    this.bounds = boundsOf(positions)
    this.columns = Math.max(1, Math.min(MOST_CELLS, Math.round(Math.sqrt(order.length / A_CELL))))
    const cells = new Int32Array(order.length)
    this.starts = new Int32Array(this.columns * this.columns + 1)
    let count = 0
    for (let row = 0; row < order.length; row++) {
      const id = order[row]!
      const x = positions[2 * id]!
      const y = positions[2 * id + 1]!
      const cell = Number.isFinite(x + y) ? this.row(y) * this.columns + this.column(x) : -1
      cells[row] = cell
      if (cell < 0) continue
      this.starts[cell + 1]!++
      count++
    }
    this.count = count
    for (let cell = 0; cell + 1 < this.starts.length; cell++) this.starts[cell + 1]! += this.starts[cell]!
    const next = this.starts.slice()
    this.ids = new Int32Array(count)
    for (let row = 0; row < order.length; row++) {
      const cell = cells[row]!
      if (cell >= 0) this.ids[next[cell]!++] = order[row]!
    }
  }

  /** Calls `visit` with each photo whose centre lies within the rectangle, until it returns false. */
  within(area: Bounds, visit: (id: number) => boolean | undefined): void {
    const { positions, ids } = this
    this.cells(area, (from, to) => {
      for (let i = from; i < to; i++) {
        const id = ids[i]!
        const x = positions[2 * id]!
        const y = positions[2 * id + 1]!
        if (x < area.left || x > area.right || y < area.bottom || y > area.top) continue
        if (visit(id) === false) return false
      }
      return true
    })
  }

  /** How many photos lie in the cells that the rectangle reaches into: at least those within it. */
  about(area: Bounds): number {
    let count = 0
    this.cells(area, (from, to) => {
      count += to - from
      return true
    })
    return count
  }

  /** Mask, one 0/1 byte by id, of the photos that lie within the polygon and that `use` has a 1 for. */
  enclosed(polygon: ArrayLike<number>, use: Uint8Array): Uint8Array {
    const { columns, positions, ids, starts, bounds } = this
    const mask = new Uint8Array(use.length)
    const around = polygon.length >= 6 ? boundsOf(polygon) : null
    if (!around || !bounds) return mask
    // No edge of the polygon goes through a cell that is not marked: all of it is inside, or none.
    const crossed = new Uint8Array(columns * columns)
    const n = polygon.length
    for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
      this.mark(crossed, polygon[j]!, polygon[j + 1]!, polygon[i]!, polygon[i + 1]!)
    }
    const edges = this.edgesByRow(polygon)
    const [c0, c1] = [this.column(around.left), this.column(around.right)]
    const [r0, r1] = [this.row(around.bottom), this.row(around.top)]
    for (let r = r0; r <= r1; r++) {
      const near = edges[r]!
      const isInside = (id: number): boolean => {
        let winding = 0
        for (const i of near) winding += crossing(polygon, i, positions[2 * id]!, positions[2 * id + 1]!)
        return winding !== 0
      }
      for (let c = c0; c <= c1; c++) {
        const cell = r * columns + c
        const [from, to] = [starts[cell]!, starts[cell + 1]!]
        if (from === to) continue
        if (crossed[cell]) {
          for (let i = from; i < to; i++) if (use[ids[i]!] && isInside(ids[i]!)) mask[ids[i]!] = 1
        } else if (isInside(ids[from]!)) {
          for (let i = from; i < to; i++) mask[ids[i]!] = use[ids[i]!]!
        }
      }
    }
    return mask
  }

  /** For each row of cells the edges of a polygon, by where they end, that reach into it: no others wind about its photos. */
  private edgesByRow(polygon: ArrayLike<number>): number[][] {
    const edges: number[][] = Array.from({ length: this.columns }, () => [])
    for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
      const [a, b] = [this.row(polygon[j + 1]!), this.row(polygon[i + 1]!)]
      for (let r = Math.min(a, b); r <= Math.max(a, b); r++) edges[r]!.push(i)
    }
    return edges
  }

  /** Marks at least the cells that an edge goes through. */
  private mark(crossed: Uint8Array, x0: number, y0: number, x1: number, y1: number): void {
    // In pieces no longer than a cell, each with all cells of its box: those are four at most, or a row of two.
    const { left, right, bottom, top } = this.bounds!
    const width = Math.max(right - left, 1e-12) / this.columns
    const height = Math.max(top - bottom, 1e-12) / this.columns
    const pieces = Math.min(
      1 << 14,
      Math.max(1, Math.ceil(Math.max(Math.abs(x1 - x0) / width, Math.abs(y1 - y0) / height))),
    )
    for (let i = 0; i < pieces; i++) {
      const [a, b] = [i / pieces, (i + 1) / pieces]
      const [xa, xb] = [x0 + (x1 - x0) * a, x0 + (x1 - x0) * b]
      const [ya, yb] = [y0 + (y1 - y0) * a, y0 + (y1 - y0) * b]
      const [c0, c1] = [this.column(Math.min(xa, xb)), this.column(Math.max(xa, xb))]
      const [r0, r1] = [this.row(Math.min(ya, yb)), this.row(Math.max(ya, yb))]
      for (let r = r0; r <= r1; r++) for (let c = c0; c <= c1; c++) crossed[r * this.columns + c] = 1
    }
  }

  /** The runs of `ids` that lie in the cells the rectangle reaches into. */
  private cells(area: Bounds, visit: (from: number, to: number) => boolean): void {
    const { bounds, columns, starts } = this
    if (!bounds || area.left > bounds.right || area.right < bounds.left) return
    if (area.bottom > bounds.top || area.top < bounds.bottom) return
    const [c0, c1] = [this.column(area.left), this.column(area.right)]
    const [r0, r1] = [this.row(area.bottom), this.row(area.top)]
    for (let r = r0; r <= r1; r++) {
      if (!visit(starts[r * columns + c0]!, starts[r * columns + c1 + 1]!)) return
    }
  }

  private column(x: number): number {
    const { left, right } = this.bounds!
    return this.cellOf((x - left) / Math.max(right - left, 1e-12))
  }

  private row(y: number): number {
    const { bottom, top } = this.bounds!
    return this.cellOf((y - bottom) / Math.max(top - bottom, 1e-12))
  }

  private cellOf(share: number): number {
    return Math.max(0, Math.min(this.columns - 1, Math.floor(share * this.columns)))
  }
}
