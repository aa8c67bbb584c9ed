// In which order the table shows runs and columns.

import type { Sorting } from '../state/address'
import { type Column, compare, find, type Runs } from '../state/table'

/** These places of runs, sorted by a column; equal ones as they came, and missing values last either way. */
export function sorted(runs: Runs, places: readonly number[], sort: Sorting | null): readonly number[] {
  const values = sort && find(runs, sort.column)?.values
  if (!sort || !values) return places
  const way = sort.descending ? -1 : 1
  return places.toSorted((a, b) => {
    const [one, other] = [values[a]!, values[b]!]
    return one === null || other === null ? compare(one, other) : way * compare(one, other)
  })
}

/** What a press on the head of a column leads to: rising, falling, then as recorded. */
export function nextSorting(sort: Sorting | null, column: string): Sorting | null {
  if (sort?.column !== column) return { column, descending: false }
  return sort.descending ? null : { column, descending: true }
}

const FIRST = ['status', 'combination']
const LAST = ['epochs', 'seconds', 'seed', 'split', 'phase', 'started', 'ended', 'machine', 'commit', 'note', 'error']
/** Shown as marks of the row, not as columns. */
export const MARKS = ['star', 'hidden', 'stop']

/** The columns as the table shows them: the status, the choices, what came out, and the other facts. */
export function arranged(columns: readonly Column[]): Column[] {
  const place = ({ name, role }: Column): number => {
    if (FIRST.includes(name)) return FIRST.indexOf(name)
    if (role === 'choice') return 10
    if (name === 'value') return 11
    if (role === 'number') return 13
    return LAST.includes(name) ? 20 + LAST.indexOf(name) : 12
  }
  return columns.filter(({ name }) => !MARKS.includes(name)).toSorted((a, b) => place(a) - place(b))
}
