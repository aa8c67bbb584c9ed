// The page's calls to the server of experiments. Arrays in answers are decoded.

import { bytesOf, float32s, int32s } from '../server/codec'
import { address, call } from '../server/http'
import type { components } from './api-types'
import type { Curves } from './state/curves'
import { type Column, columnOf, type Json, type Runs, runsOf } from './state/table'

type Schemas = components['schemas']
export type Study = Schemas['StudySummary']
export type Studies = Schemas['StudyList']
export type Detail = Omit<Schemas['RunDetail'], 'choices' | 'facts'> & {
  choices: Record<string, Json>
  facts: Record<string, Json>
}
export type Event = Schemas['StudiesEvent'] | Schemas['ProblemEvent']

/** What an answer about many runs says beside them. */
interface Answer {
  version: number
  /** whether these are all runs, in place of those known before */
  whole: boolean
  removed: number[]
}
/** The cells of a pivot, column by column. */
export type RawPivot = Omit<Schemas['PivotTable'], 'labels'> & { labels: Record<string, Json[]> }
export type Verdict = NonNullable<RawPivot['verdict']>[number]
export interface Question {
  study: string
  rows: readonly string[]
  columns: readonly string[]
  values: string
  baseline: { readonly [choice: string]: Json } | null
  runs: readonly number[] | null
}

function decodeColumn(raw: Schemas['RunTable']['columns'][number]): Column {
  if (raw.kind === 'number') {
    const values = new Float64Array(bytesOf(raw.values).buffer)
    return columnOf(
      raw.name,
      raw.role,
      Array.from(values, (value) => (Number.isNaN(value) ? null : value)),
      raw.direction === 'minimize',
    )
  }
  const levels = raw.levels as Json[]
  return columnOf(
    raw.name,
    raw.role,
    Array.from(int32s(raw.codes), (code) => levels[code] ?? null),
  )
}

function decodeTable(raw: Schemas['RunTable']): Answer & { runs: Runs } {
  return { ...raw, runs: runsOf([...int32s(raw.ids)], raw.columns.map(decodeColumn)) }
}

function decodeCurves(raw: Schemas['Curves']): Answer & { curves: Curves } {
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

const changedAfter = (since: number | undefined): { since?: number } => (since === undefined ? {} : { since })

export const experiments = {
  studies: (): Promise<Studies> => call('get', '/api/studies', {}),
  events: (): string => address('/api/events', {}),
  event: (data: string): Event => JSON.parse(data) as Event,
  runs: async (study: string, since?: number) =>
    decodeTable(await call('get', '/api/runs', { study, ...changedAfter(since) })),
  curves: async (study: string, number: readonly string[], since?: number) =>
    decodeCurves(await call('get', '/api/curves', { study, number: [...number], ...changedAfter(since) })),
  pivot: async (question: Question) =>
    (await call('post', '/api/pivot', {}, question as Schemas['PivotRequest'])) as RawPivot,
  run: async (id: number) => (await call('get', '/api/runs/{id}', { id })) as Detail,
}
