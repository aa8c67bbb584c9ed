// Which runs are looked at: conditions on columns, all of which hold.

import { plural } from '../../text/format'
import { type Column, find, type Json, keyOf, type Runs } from './table'

export type Condition =
  /** one of these values, or none of them; null is a missing one */
  | { column: string; is: 'in' | 'out'; values: readonly Json[] }
  | { column: string; is: 'least' | 'most'; value: number }
  /** has this text in it, capital letters or not */
  | { column: string; is: 'like'; text: string }

/** The places of the runs that meet all conditions. A condition on a column that is not there is met by no run. */
export function meeting(runs: Runs, conditions: readonly Condition[], showHidden = true): number[] {
  const tests = conditions.map((condition) => testOf(condition, find(runs, condition.column)))
  if (!showHidden) tests.push(testOf({ column: 'hidden', is: 'out', values: [true] }, find(runs, 'hidden')))
  const found: number[] = []
  for (let place = 0; place < runs.ids.length; place++) {
    if (tests.every((test) => test(place))) found.push(place)
  }
  return found
}

function testOf(condition: Condition, column: Column | undefined): (place: number) => boolean {
  if (!column) return () => condition.is === 'out'
  const { values } = column
  switch (condition.is) {
    case 'in':
    case 'out': {
      const keys = new Set(condition.values.map(keyOf))
      const wanted = condition.is === 'in'
      return (place) => keys.has(keyOf(values[place]!)) === wanted
    }
    case 'least':
      return (place) => typeof values[place] === 'number' && values[place] >= condition.value
    case 'most':
      return (place) => typeof values[place] === 'number' && values[place] <= condition.value
    case 'like': {
      const text = condition.text.toLowerCase()
      return (place) => values[place] !== null && shown(values[place]!).toLowerCase().includes(text)
    }
  }
}

/** "All 12 runs". */
export const allOf = (count: number): string => (count === 1 ? '1 run' : `All ${plural(count, 'run')}`)

/** A value as people write it: lists with commas, no quotation marks. */
export const shown = (value: Json): string =>
  value === null
    ? '–'
    : typeof value === 'string'
      ? value
      : Array.isArray(value)
        ? `[${value.map(shown).join(', ')}]`
        : typeof value === 'boolean'
          ? value
            ? 'yes'
            : 'no'
          : JSON.stringify(value)

/** A condition in words. */
export function wordsOf(condition: Condition): string {
  const { column } = condition
  switch (condition.is) {
    case 'in':
      return `${column} is ${condition.values.map(shown).join(' or ')}`
    case 'out':
      return `${column} is not ${condition.values.map(shown).join(' or ')}`
    case 'least':
      return `${column} ≥ ${condition.value}`
    case 'most':
      return `${column} ≤ ${condition.value}`
    case 'like':
      return `${column} has “${condition.text}”`
  }
}

const SIGNS = { in: '=', out: '!=', least: '>=', most: '<=', like: '~' } as const

/** A condition as it is written in the address: a column, a sign, and JSON. */
export function written(condition: Condition): string {
  const name = condition.column.replace(/[%=!<>~]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
  const value =
    'values' in condition ? JSON.stringify(condition.values) : 'text' in condition ? condition.text : condition.value
  return `${name}${SIGNS[condition.is]}${value}`
}

/** The condition that `written` wrote; null for anything else. */
export function read(text: string): Condition | null {
  const [, name, sign, rest] = /^([^=!<>~]+)(!=|>=|<=|=|~)(.*)$/s.exec(text) ?? []
  if (name === undefined || rest === undefined) return null
  const column = name.replace(/%([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  if (sign === '~') return { column, is: 'like', text: rest }
  try {
    const value = JSON.parse(rest) as Json
    if (sign === '=' || sign === '!=')
      return Array.isArray(value) ? { column, is: sign === '=' ? 'in' : 'out', values: value } : null
    return typeof value === 'number' ? { column, is: sign === '>=' ? 'least' : 'most', value } : null
  } catch {
    return null
  }
}
