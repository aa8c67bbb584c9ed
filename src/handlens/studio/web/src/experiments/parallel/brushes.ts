// Brushes are conditions: what is marked on an axis is what all views look at. An axis shows the conditions on its column.

import { placeOf, valueAt } from '../scale'
import type { Condition } from '../state/filter'
import { type Json, keyOf } from '../state/table'
import { type Axis, placeOfOption } from './axes'

/** What is marked on an axis: a range of places, or some options. */
export type Brush = { low: number; high: number } | { options: readonly Json[] }

/** The brush that the conditions make on an axis; null if it has none. */
export function brushOf({ name, scale }: Axis, conditions: readonly Condition[]): Brush | null {
  let [low, high] = [0, 1]
  let found = false
  for (const condition of conditions) {
    if (condition.column !== name) continue
    if (condition.is === 'in' && !scale) return { options: condition.values }
    if (!scale) continue
    if (condition.is === 'least') [low, found] = [Math.max(low, placeOf(scale, condition.value)), true]
    if (condition.is === 'most') [high, found] = [Math.min(high, placeOf(scale, condition.value)), true]
  }
  // Where nothing can lie, the brush is a line at the edge.
  return found ? { low: Math.min(low, 1), high: Math.max(0, Math.min(1, Math.max(high, low))) } : null
}

/** The conditions with this brush on an axis in the place of what it had; null takes it away. */
export function withBrush(conditions: readonly Condition[], axis: Axis, brush: Brush | null): Condition[] {
  const { name: column, scale } = axis
  const kinds: readonly Condition['is'][] = scale ? ['least', 'most'] : ['in']
  const others = conditions.filter((one) => one.column !== column || !kinds.includes(one.is))
  if (!brush) return others
  if ('options' in brush)
    return brush.options.length > 0 ? [...others, { column, is: 'in', values: brush.options }] : others
  if (!scale) return others
  // Four digits are enough, and can be read. At the end of the axis there is no limit: none that rounds a run away.
  const at = (place: number): number => Number(valueAt(scale, place).toPrecision(4))
  if (brush.low > 0) others.push({ column, is: 'least', value: at(brush.low) })
  if (brush.high < 1) others.push({ column, is: 'most', value: at(brush.high) })
  return others
}

/** The options of a brush with one more, or one fewer. */
export function toggled(brush: Brush | null, option: Json): Brush {
  const options = brush && 'options' in brush ? brush.options : []
  const others = options.filter((one) => keyOf(one) !== keyOf(option))
  return { options: others.length < options.length ? others : [...options, option] }
}

/** What a person means who drags over an axis, from one place to another. */
export function brushBetween({ scale, options }: Axis, from: number, to: number): Brush {
  const [low, high] = [Math.max(0, Math.min(from, to)), Math.min(1, Math.max(from, to))]
  if (scale) return { low, high }
  // An option counts from half-way to its neighbours.
  const half = 0.5 / Math.max(1, options.length - 1)
  return {
    options: options.filter(
      (_, i) => Math.abs(placeOfOption(i, options.length) - (low + high) / 2) < half + (high - low) / 2,
    ),
  }
}

/** Whether an option is marked. */
export const isAt = (brush: Brush | null, option: Json): boolean =>
  brush !== null && 'options' in brush && brush.options.some((one) => keyOf(one) === keyOf(option))
