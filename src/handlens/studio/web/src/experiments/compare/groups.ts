// What is compared: combinations with all their runs, or single runs.

import { type Scale, scaleOf } from '../scale'
import type { By } from '../state/address'
import { type Json, keyOf, type Runs, valueIn } from '../state/table'

export type { By }

export interface Group {
  /** the number of the combination, or of the run */
  readonly id: number
  readonly name: string
  /** stands for it in the graph: A, B, … */
  readonly letter: string
  /** the numbers of its runs */
  readonly runs: readonly number[]
}

/** So many can be told apart. */
export const MOST_GROUPS = 10

/** The combinations that these runs have, in the order of the runs. */
export function combinationsOf(runs: Runs, ids: readonly number[]): number[] {
  const found = ids.map((id) => valueIn(runs, 'combination', id)).filter((number) => typeof number === 'number')
  return [...new Set(found)]
}

/** Combinations if runs of several are selected, otherwise the runs themselves. */
export const byAtFirst = (runs: Runs, ids: readonly number[]): By =>
  combinationsOf(runs, ids).length > 1 ? 'combinations' : 'runs'

/** Each selected combination with all its runs that looked for good choices, hidden or not; or each selected run. */
export function groupsOf(runs: Runs, ids: readonly number[], by: By): Group[] {
  const letterOf = (i: number): string => String.fromCharCode(65 + i)
  if (by === 'runs') {
    const known = ids.filter((id) => runs.places.has(id)).slice(0, MOST_GROUPS)
    return known.map((id, i) => ({ id, name: `Run ${id}`, letter: letterOf(i), runs: [id] }))
  }
  return combinationsOf(runs, ids)
    .slice(0, MOST_GROUPS)
    .map((number, i) => ({
      id: number,
      name: `Combination ${number}`,
      letter: letterOf(i),
      runs: runs.ids.filter(
        (id) => valueIn(runs, 'combination', id) === number && valueIn(runs, 'phase', id) === 'study',
      ),
    }))
}

export interface ChoiceRow {
  readonly name: string
  /** of each group */
  readonly values: readonly Json[]
  readonly differs: boolean
}

/** The choices of the groups; of runs their seed and split, too. */
export function choiceRows(runs: Runs, groups: readonly Group[], by: By): ChoiceRow[] {
  const facts = by === 'runs' ? ['combination', 'seed', 'split'] : []
  return runs.columns
    .filter(({ role, name }) => role === 'choice' || facts.includes(name))
    .map(({ name }) => {
      const values = groups.map((group) => valueIn(runs, name, group.runs[0] ?? -1))
      return { name, values, differs: new Set(values.map(keyOf)).size > 1 }
    })
    .filter(({ values }) => values.some((value) => value !== null))
}

export interface Pair {
  readonly seed: number
  readonly split: number
  /** the group's number minus the baseline's */
  readonly difference: number
}

/** The runs of a group beside those of the baseline with the same seed and split; those without a number are left out. */
export function pairsOf(runs: Runs, group: Group, baseline: Group, number: string): Pair[] {
  const keyed = (of: Group): Map<string, number> =>
    new Map(
      of.runs.flatMap((id) => {
        const value = valueIn(runs, number, id)
        const key = `${valueIn(runs, 'seed', id)} ${valueIn(runs, 'split', id)}`
        return typeof value === 'number' ? [[key, value] as const] : []
      }),
    )
  const others = keyed(baseline)
  return [...keyed(group)].flatMap(([key, value]) => {
    const other = others.get(key)
    const [seed, split] = key.split(' ').map(Number) as [number, number]
    return other === undefined ? [] : [{ seed, split, difference: value - other }]
  })
}

/** The mean of curves as far as all of them go: those that ended early would otherwise move it. */
export function meanOf(curves: readonly Float32Array[]): Float64Array {
  if (curves.length === 0) return new Float64Array(0)
  const length = Math.min(...curves.map((curve) => curve.length))
  return Float64Array.from(
    { length },
    (_, epoch) => curves.reduce((sum, curve) => sum + curve[epoch]!, 0) / curves.length,
  )
}

/** The scale that holds the last two thirds of the epochs: the first ones often leave no room for what differs. */
export function frameOfEnds(curves: readonly Float32Array[]): Scale {
  const epochs = Math.max(0, ...curves.map((curve) => curve.length))
  return scaleOf(curves.flatMap((curve) => [...curve.subarray(Math.floor(epochs / 3))]))
}

/** Heights at least so many pixels apart, in the same order; those that are not numbers stay. */
export function apart(heights: readonly number[], least: number): number[] {
  const moved = [...heights]
  const order = [...heights.keys()].filter((i) => !Number.isNaN(heights[i]!)).sort((a, b) => heights[a]! - heights[b]!)
  for (const [n, i] of order.entries()) {
    if (n > 0) moved[i] = Math.max(heights[i]!, moved[order[n - 1]!]! + least)
  }
  return moved
}
