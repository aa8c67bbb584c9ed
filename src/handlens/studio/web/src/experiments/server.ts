// The page's calls to the server of experiments. Arrays in answers are decoded.

import { bytesOf, float32s, int32s } from '../server/codec'
import type { Curves } from './state/curves'
import { type Column, columnOf, type Json, type Role, type Runs, runsOf } from './state/table'

export interface Study {
  name: string
  metric: string
  direction: 'minimize' | 'maximize'
  seed: number
  made: number
  changed: number
  combinations: number
  runs: Record<string, number>
}
export interface Studies {
  version: number
  folder: string
  storage: string
  studies: Study[]
}
type RawColumn =
  | { kind: 'number'; name: string; role: Role; values: string }
  | { kind: 'level'; name: string; role: Role; levels: Json[]; codes: string }
interface RawTable {
  version: number
  whole: boolean
  ids: string
  removed: number[]
  columns: RawColumn[]
}
interface RawCurves {
  version: number
  whole: boolean
  ids: string
  lengths: string
  removed: number[]
  curves: { number: string; values: string }[]
}
export interface Detail {
  id: number
  study: string
  combination: number
  phase: string
  seed: number
  split: number
  status: string
  value: number | null
  seconds: number
  started: number | null
  ended: number | null
  stop: boolean
  star: boolean
  hidden: boolean
  note: string
  error: string | null
  choices: Record<string, Json>
  numbers: Record<string, number | null>
  facts: Record<string, Json>
  epochs: number[]
  epoch_seconds: number[]
  curves: Record<string, (number | null)[]>
  log: string | null
  files: { name: string; bytes: number }[]
  missing: string | null
}
export type Verdict = 'better' | 'worse' | 'chance could explain it' | 'too few runs' | 'baseline'
/** The cells of a pivot, column by column. */
export interface RawPivot {
  version: number
  labels: Record<string, Json[]>
  key: Record<string, number[]>
  runs: number[][]
  count: number[]
  combinations: number[]
  missing: number[]
  why_missing: string[]
  mean: (number | null)[]
  median: (number | null)[]
  best: (number | null)[]
  sd: (number | null)[]
  low: (number | null)[]
  high: (number | null)[]
  difference: (number | null)[] | null
  difference_low: (number | null)[] | null
  difference_high: (number | null)[] | null
  pairs: number[] | null
  verdict: Verdict[] | null
  notes: string[]
}
export interface Question {
  study: string
  rows: readonly string[]
  columns: readonly string[]
  values: string
  baseline: { readonly [choice: string]: Json } | null
  runs: readonly number[] | null
}
export type Event = { kind: 'studies'; studies: Studies } | { kind: 'problem'; error: string }

async function call<T>(path: string, body?: unknown): Promise<T> {
  const answer = await fetch(
    path,
    body === undefined
      ? {}
      : { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } },
  )
  if (!answer.ok) throw new Error(((await answer.json()) as { error: string }).error)
  return (await answer.json()) as T
}

function decodeColumn(raw: RawColumn): Column {
  if (raw.kind === 'number') {
    const values = Array.from(new Float64Array(bytesOf(raw.values).buffer), (value) =>
      Number.isNaN(value) ? null : value,
    )
    return columnOf(raw.name, raw.role, values)
  }
  const values = Array.from(int32s(raw.codes), (code) => raw.levels[code] ?? null)
  return columnOf(raw.name, raw.role, values)
}

function decodeTable(raw: RawTable): { version: number; whole: boolean; removed: number[]; runs: Runs } {
  return { ...raw, runs: runsOf([...int32s(raw.ids)], raw.columns.map(decodeColumn)) }
}

function decodeCurves(raw: RawCurves): { version: number; whole: boolean; removed: number[]; curves: Curves } {
  const [ids, lengths] = [int32s(raw.ids), int32s(raw.lengths)]
  const curves = raw.curves.map(({ number, values }): [string, Map<number, Float32Array>] => {
    const all = float32s(values)
    let from = 0
    const of = new Map<number, Float32Array>()
    for (const [i, id] of ids.entries()) {
      of.set(id, all.subarray(from, from + lengths[i]!))
      from += lengths[i]!
    }
    return [number, of]
  })
  return { ...raw, curves: new Map(curves) }
}

const about = (study: string, more: Record<string, string | undefined> = {}): URLSearchParams => {
  const query = new URLSearchParams({ study })
  for (const [name, value] of Object.entries(more)) if (value !== undefined) query.set(name, value)
  return query
}

export const experiments = {
  studies: (): Promise<Studies> => call('/api/studies'),
  events: (): string => '/api/events',
  event: (data: string): Event => JSON.parse(data) as Event,
  runs: async (study: string, since?: number) =>
    decodeTable(await call(`/api/runs?${about(study, { since: since?.toString() })}`)),
  curves: async (study: string, numbers: readonly string[], since?: number) => {
    const query = about(study, { since: since?.toString() })
    for (const number of numbers) query.append('number', number)
    return decodeCurves(await call(`/api/curves?${query}`))
  },
  pivot: (question: Question): Promise<RawPivot> => call('/api/pivot', question),
  run: (run: number): Promise<Detail> => call(`/api/runs/${run}`),
}
