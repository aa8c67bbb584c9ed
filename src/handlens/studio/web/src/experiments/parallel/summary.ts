// What the picture of parallel coordinates shows, in words and numbers: for people who do not see it.

import { figure, valueAt } from '../scale'
import { shown } from '../state/filter'
import type { Column } from '../state/table'
import type { Axis } from './axes'

export type Direction = 'minimize' | 'maximize'

/** An option of an axis, or a quarter of it, among the chosen runs. */
export interface Part {
  readonly name: string
  readonly runs: number
  /** of the runs that have one; null: none has */
  readonly median: number | null
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

const QUARTERS = 4

/** The parts of an axis that chosen runs have, the lowest first; those that have nothing there last. */
export function partsOf(axis: Axis, values: Column, chosen: Uint8Array): Part[] {
  const { scale, options, places } = axis
  const names = scale
    ? Array.from({ length: QUARTERS }, (_, i) =>
        [i, i + 1].map((end) => figure(valueAt(scale, end / QUARTERS))).join(' to '),
      )
    : options.map(shown)
  /** Options lie at equal distances, quarters begin at them. */
  const partAt = (place: number): number => {
    if (Number.isNaN(place)) return names.length
    return scale ? Math.min(QUARTERS - 1, Math.floor(place * QUARTERS)) : Math.round(place * (names.length - 1))
  }
  const found = [...names, 'none'].map((name) => ({ name, runs: 0, values: [] as number[] }))
  for (let i = 0; i < chosen.length; i++) {
    if (!chosen[i]) continue
    const part = found[partAt(places[i]!)]!
    part.runs += 1
    const value = values.values[i]
    if (typeof value === 'number') part.values.push(value)
  }
  return found.flatMap((part) =>
    part.runs === 0 ? [] : [{ name: part.name, runs: part.runs, median: median(part.values) }],
  )
}

/** The best, middle and worst value of the chosen runs. */
export function valuesText(values: Column, called: string, chosen: Uint8Array, direction: Direction): string {
  const found = values.values.filter((value, i) => chosen[i] && typeof value === 'number') as number[]
  if (found.length === 0) return `None has a result so far.`
  const sorted = Float64Array.from(found).sort()
  const [low, high] = [sorted[0]!, sorted.at(-1)!]
  const [best, worst] = direction === 'minimize' ? [low, high] : [high, low]
  return `${called}: best ${figure(best)}, median ${figure(median(found)!)}, worst ${figure(worst)}.`
}
