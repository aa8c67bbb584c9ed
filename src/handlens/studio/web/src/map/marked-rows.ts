import { changedIds } from './changed'

/** Above so many changes, all marks are looked at again. */
const MANY = 20_000

/** The rows of the prepare order whose photos have a mark, ascending, kept up to date from change to change. */
export class MarkedRows {
  rows = new Int32Array(0)
  private known: Int16Array

  constructor(private readonly order: Int32Array) {
    this.known = new Int16Array(order.length).fill(-1)
  }

  /** Takes marks by id, -1 for none; the array may be changed afterwards. */
  update(marks: Int16Array, rowOf: (id: number) => number): void {
    const changed = changedIds(this.known, marks)
    if (changed?.length === 0) return
    this.known = changed ? this.known : marks.slice()
    if (changed) for (const id of changed) this.known[id] = marks[id]!
    if (!changed || changed.length > MANY) this.rows = this.order.map((_, row) => row).filter((row) => this.has(row))
    else this.merge(Int32Array.from(changed, rowOf).sort())
  }

  private has(row: number): boolean {
    return this.known[this.order[row]!]! >= 0
  }

  /** Takes in and out the rows that changed, ascending. */
  private merge(changed: Int32Array): void {
    const { rows } = this
    const next = new Int32Array(rows.length + changed.length)
    let [at, count] = [0, 0]
    for (const row of changed) {
      while (at < rows.length && rows[at]! < row) next[count++] = rows[at++]!
      if (rows[at] === row) at++
      if (this.has(row)) next[count++] = row
    }
    next.set(rows.subarray(at), count)
    this.rows = next.subarray(0, count + rows.length - at)
  }
}
