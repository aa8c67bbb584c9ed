// Which choices make the rows and columns of the pivot, and how they are moved about.

import { choicesOf, find, levelsOf, type Runs } from '../state/table'

export interface Axes {
  readonly rows: readonly string[]
  readonly columns: readonly string[]
}
export type Side = keyof Axes

/** Facts that runs can be sorted by, beside their choices. */
export const FACTS: readonly string[] = ['combination', 'seed', 'split', 'phase', 'machine', 'commit', 'star']

/** A choice with more values than this is not proposed. */
const PROPOSED = 12

/** The axes of the address; where it names none, the choices with the fewest values to tell apart. */
export function axesOf(wanted: Axes, runs: Runs): Axes {
  const known = ({ rows, columns }: Axes): Axes => ({
    rows: rows.filter((name) => find(runs, name)),
    columns: columns.filter((name) => find(runs, name) && !rows.includes(name)),
  })
  const asked = known(wanted)
  if (asked.rows.length + asked.columns.length > 0) return asked
  const several = choicesOf(runs).filter((name) => levelsOf(find(runs, name)!).length > 1)
  const few = several.filter((name) => levelsOf(find(runs, name)!).length <= PROPOSED)
  const [first, second] = [...few, ...several.filter((name) => !few.includes(name)), ...choicesOf(runs)]
  if (first === undefined) return { rows: ['combination'], columns: [] }
  return { rows: [first], columns: second !== undefined && few.includes(second) ? [second] : [] }
}

/** The axes after a name is put to a place of one side, or taken out. */
export function moved(axes: Axes, name: string, to: Side | null, place = Number.POSITIVE_INFINITY): Axes {
  const taken = (side: Side): string[] => axes[side].filter((one) => one !== name)
  const next = { rows: taken('rows'), columns: taken('columns') }
  if (to === null) return next
  // What lay before the new place on the same side has moved up.
  const before = axes[to].indexOf(name)
  next[to].splice(before >= 0 && before < place ? place - 1 : place, 0, name)
  return next
}
