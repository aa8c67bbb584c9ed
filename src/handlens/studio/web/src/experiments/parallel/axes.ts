// The axes of parallel coordinates: where each run lies on the axis of a choice, or of a number.

import { placeOf, type Scale, scaleOf } from '../scale'
import { type Column, type Json, keyOf, levelsOf } from '../state/table'

export interface Axis {
  readonly name: string
  /** null: of options, each with a place of its own */
  readonly scale: Scale | null
  /** from the bottom to the top */
  readonly options: readonly Json[]
  /** of each run: 0 at the bottom to 1 at the top, NaN where it has none */
  readonly places: Float64Array
  readonly anyMissing: boolean
}

/** So many different numbers have a place each; of more there is a scale. */
const MOST_OPTIONS = 6

/** The axis of a column; a number that the study measures always has a scale. `otherScale`: not the one it has at first. */
export function axisOf(column: Column, otherScale = false): Axis {
  const levels = levelsOf(column).filter((level) => level !== null)
  const places = new Float64Array(column.values.length).fill(Number.NaN)
  let scale: Scale | null = null
  if (
    column.role === 'choice' ? column.numeric && levels.length > MOST_OPTIONS : column.numeric || levels.length === 0
  ) {
    const log = isLog(levels as number[]) !== otherScale
    scale = scaleOf(levels as number[], log)
    for (const [i, value] of column.values.entries()) {
      if (typeof value === 'number' && (!log || value > 0)) places[i] = placeOf(scale, value)
    }
  } else {
    const at = new Map(levels.map((level, i) => [keyOf(level), placeOfOption(i, levels.length)]))
    for (const [i, value] of column.values.entries()) if (value !== null) places[i] = at.get(keyOf(value))!
  }
  return { name: column.name, scale, options: scale ? [] : levels, places, anyMissing: places.some(Number.isNaN) }
}

/** Where the i-th of n options lies. */
export const placeOfOption = (i: number, n: number): number => (n === 1 ? 0.5 : i / (n - 1))

/** Whether numbers, from the lowest, are spread more evenly by ratios than by steps, over a wide range. */
export function isLog(sorted: readonly number[]): boolean {
  const [low, high] = [sorted[0] ?? 0, sorted.at(-1) ?? 0]
  if (low <= 0 || high / low < 20) return false
  const middle = sorted[sorted.length >> 1]!
  const off = (log: boolean): number => Math.abs(placeOf({ low, high, log }, middle) - 0.5)
  return off(true) < off(false)
}

/** All names in the order asked for; those not named follow as they are. */
export function inOrder(names: readonly string[], order: readonly string[]): string[] {
  const asked = order.filter((name) => names.includes(name))
  return [...asked, ...names.filter((name) => !asked.includes(name))]
}

/** The order with one name moved by so many places. */
export function moved(names: readonly string[], name: string, by: number): string[] {
  const others = names.filter((one) => one !== name)
  const to = Math.max(0, Math.min(others.length, names.indexOf(name) + by))
  return others.toSpliced(to, 0, name)
}
