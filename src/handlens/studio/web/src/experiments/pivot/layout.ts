// The cells of a pivot, laid out as a table: its rows, its columns, and the heads that span several of them.

import type { RawPivot, Verdict } from '../server'
import type { Aggregate } from '../state/address'
import { type Condition, shown } from '../state/filter'
import { type Column, find, type Json, keyOf, type Runs } from '../state/table'
import type { Axes } from './axes'

export interface Cell {
  /** of the labels of all axes, rows first */
  codes: readonly number[]
  runs: readonly number[]
  /** how many ended with a number */
  count: number
  missing: number
  whyMissing: string
  numbers: Readonly<Record<Aggregate, number | null>>
  /** of the mean, 95 % */
  low: number | null
  high: number | null
  versus: Versus | null
}

/** A cell beside the baseline. */
export interface Versus {
  difference: number | null
  low: number | null
  high: number | null
  pairs: number
  verdict: Verdict
}

export interface Layout {
  axes: Axes
  labels: Readonly<Record<string, readonly Json[]>>
  /** the codes of each row and of each column */
  rows: readonly (readonly number[])[]
  columns: readonly (readonly number[])[]
  /** by row and column, null where no run is */
  cells: readonly (readonly (Cell | null)[])[]
  notes: readonly string[]
}

export function layOut(raw: RawPivot, axes: Axes): Layout {
  const names = [...axes.rows, ...axes.columns]
  const cells = raw.count.map(
    (count, i): Cell => ({
      codes: names.map((name) => raw.key[name]![i]!),
      runs: raw.runs[i]!,
      count,
      missing: raw.missing[i]!,
      whyMissing: raw.why_missing[i]!,
      numbers: { mean: raw.mean[i]!, median: raw.median[i]!, best: raw.best[i]!, sd: raw.sd[i]!, count },
      low: raw.low[i]!,
      high: raw.high[i]!,
      versus: raw.verdict && {
        difference: raw.difference![i]!,
        low: raw.difference_low![i]!,
        high: raw.difference_high![i]!,
        pairs: raw.pairs![i]!,
        verdict: raw.verdict[i]!,
      },
    }),
  )
  const n = axes.rows.length
  const rows = distinct(cells.map(({ codes }) => codes.slice(0, n)))
  const columns = distinct(cells.map(({ codes }) => codes.slice(n)))
  const at = new Map(cells.map((cell) => [cell.codes.join(), cell]))
  return {
    axes,
    labels: raw.labels,
    rows,
    columns,
    cells: rows.map((row) => columns.map((column) => at.get([...row, ...column].join()) ?? null)),
    notes: raw.notes,
  }
}

function distinct(all: readonly (readonly number[])[]): (readonly number[])[] {
  const found = new Map(all.map((codes) => [codes.join(), codes]))
  return [...found.values()].sort((a, b) => {
    const first = a.findIndex((code, i) => code !== b[i])
    return first < 0 ? 0 : a[first]! - b[first]!
  })
}

export interface Head {
  code: number
  /** how many rows or columns it is over */
  span: number
}

/** The heads of one level: one over all neighbours that have the same codes up to it; null where another reaches in. */
export function headsOf(keys: readonly (readonly number[])[], level: number): (Head | null)[] {
  const upTo = (codes: readonly number[]): string => codes.slice(0, level + 1).join()
  return keys.map((codes, i) => {
    if (i > 0 && upTo(keys[i - 1]!) === upTo(codes)) return null
    let span = 1
    while (i + span < keys.length && upTo(keys[i + span]!) === upTo(codes)) span++
    return { code: codes[level]!, span }
  })
}

/** What a cell is about: the value of each choice. */
export const valuesOf = ({ axes, labels }: Layout, { codes }: Pick<Cell, 'codes'>): Record<string, Json> =>
  Object.fromEntries([...axes.rows, ...axes.columns].map((name, i) => [name, labels[name]![codes[i]!] ?? null]))

/** The same in words: "layers [200, 100], ps 0.5". */
export const inWords = (values: { readonly [choice: string]: Json }): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${shown(value)}`)
    .join(', ')

/** The conditions that the runs of a cell meet; a range of numbers from the runs that are in it. */
export function conditionsOf(layout: Layout, cell: Cell, runs: Runs): Condition[] {
  const names = [...layout.axes.rows, ...layout.axes.columns]
  return names.flatMap((name, axis): Condition[] => {
    const column = find(runs, name)
    if (!column) return []
    const label = layout.labels[name]![cell.codes[axis]!] ?? null
    if (column.values.some((value) => keyOf(value) === keyOf(label)))
      return [{ column: name, is: 'in', values: [label] }]
    const same = layout.cells.flat().filter((one) => one?.codes[axis] === cell.codes[axis])
    const numbers = numbersAt(
      column,
      runs,
      same.flatMap((one) => one!.runs),
    )
    if (numbers.length === 0) return [{ column: name, is: 'in', values: [null] }]
    return [
      { column: name, is: 'least', value: Math.min(...numbers) },
      { column: name, is: 'most', value: Math.max(...numbers) },
    ]
  })
}

const numbersAt = ({ values }: Column, { places }: Runs, ids: readonly number[]): number[] =>
  ids.map((id) => values[places.get(id) ?? -1]).filter((value) => typeof value === 'number')
