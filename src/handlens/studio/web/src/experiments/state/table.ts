// The runs of a study as columns: what the table, the filters, the pivot and the drawings read.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** What a column says of a run: something recorded about it, a choice it was made with, a number it ended with. */
export type Role = 'fact' | 'choice' | 'number'

export interface Column {
  name: string
  role: Role
  /** one for each run, null where it is missing */
  values: readonly Json[]
  /** whether every value that there is is a number */
  numeric: boolean
  /** whether a smaller number is better */
  smallerIsBetter: boolean
}

export interface Runs {
  /** the number of each run, which stays its own */
  ids: readonly number[]
  columns: readonly Column[]
  /** by the number of a run: its place in the columns */
  places: ReadonlyMap<number, number>
}

export function columnOf(name: string, role: Role, values: readonly Json[], smallerIsBetter = true): Column {
  const there = values.filter((value) => value !== null)
  const numeric = there.length > 0 && there.every((value) => typeof value === 'number')
  return { name, role, values, numeric, smallerIsBetter }
}

export function runsOf(ids: readonly number[], columns: readonly Column[]): Runs {
  return { ids, columns, places: new Map(ids.map((id, place) => [id, place])) }
}

export const NO_RUNS: Runs = runsOf([], [])

export const find = (runs: Runs, name: string): Column | undefined => runs.columns.find((one) => one.name === name)

/** What a column says of a run; null too where there is no such column or run. */
export function valueIn(runs: Runs, name: string, id: number): Json {
  const place = runs.places.get(id)
  return place === undefined ? null : (find(runs, name)?.values[place] ?? null)
}

export const choicesOf = (runs: Runs): string[] =>
  runs.columns.filter(({ role }) => role === 'choice').map(({ name }) => name)

export const numbersOf = (runs: Runs): string[] =>
  runs.columns.filter(({ role, numeric }) => role === 'number' && numeric).map(({ name }) => name)

/** The same text for equal values, of lists too. */
export const keyOf = (value: Json): string => JSON.stringify(value)

/** The different values of a column, in their order, that of a missing one last. */
export function levelsOf(column: Column): Json[] {
  const levels = new Map<string, Json>()
  for (const value of column.values) levels.set(keyOf(value), value)
  return [...levels.values()].sort(compare)
}

/** Numbers by size, before text by its letters, before lists by their first difference; missing ones last. */
export function compare(a: Json, b: Json): number {
  const by = rank(a) - rank(b)
  if (by !== 0) return by
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return collator.compare(a, b)
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const first = compare(a[i], b[i])
      if (first !== 0) return first
    }
    return a.length - b.length
  }
  return collator.compare(keyOf(a), keyOf(b))
}

const collator = new Intl.Collator('en', { numeric: true })

function rank(value: Json): number {
  if (value === null) return 4
  return { boolean: 0, number: 1, string: 2, object: 3 }[typeof value as 'boolean' | 'number' | 'string' | 'object']
}

/** Runs that changed, in place of those known before, and without those that were removed. */
export function merged(before: Runs, changed: Runs, removed: readonly number[]): Runs {
  const gone = new Set(removed)
  const ids = [...before.ids.filter((id) => !gone.has(id)), ...changed.ids.filter((id) => !before.places.has(id))]
  const names = new Set([...before.columns, ...changed.columns].map(({ name }) => name))
  const columns = [...names].map((name) => {
    const [old, next] = [find(before, name), find(changed, name)]
    const values = ids.map((id) => {
      const place = changed.places.get(id)
      if (place !== undefined) return next?.values[place] ?? null
      return old?.values[before.places.get(id)!] ?? null
    })
    const { role, smallerIsBetter } = (next ?? old)!
    return columnOf(name, role, values, smallerIsBetter)
  })
  return runsOf(ids, columns)
}
