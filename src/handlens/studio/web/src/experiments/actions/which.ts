// What can be done to runs, by what became of them, and how it is said.

import { number, plural } from '../../text/format'
import { find, type Json, keyOf, type Runs, valueIn } from '../state/table'

const STOPPED_BY_US = ['waiting', 'running']

export type Lost = ReadonlySet<number>

const isCutOff = (status: Json, id: number, lost: Lost): boolean => status === 'running' && lost.has(id)

/** Those of the runs that can be stopped: not those that were asked to already. */
export const stoppable = (runs: Runs, ids: readonly number[]): number[] =>
  ids.filter((id) => STOPPED_BY_US.includes(String(valueIn(runs, 'status', id))) && valueIn(runs, 'stop', id) !== true)

/** Those that can be trained again, or go on; `lost` are those whose process is gone. */
export const queueable = (runs: Runs, ids: readonly number[], lost: Lost): number[] =>
  ids.filter((id) => {
    const status = String(valueIn(runs, 'status', id))
    return ['finished', 'failed', 'pruned', 'stopped'].includes(status) || isCutOff(status, id, lost)
  })

/** Those whose results are lost when they are trained again. */
export const withResults = (runs: Runs, ids: readonly number[]): number[] =>
  ids.filter((id) => ['finished', 'pruned'].includes(String(valueIn(runs, 'status', id))))

/** Those that can be deleted. */
export const deletable = (runs: Runs, ids: readonly number[], lost: Lost): number[] =>
  ids.filter((id) => {
    const status = valueIn(runs, 'status', id)
    return status !== 'running' || isCutOff(status, id, lost)
  })

/** Whether all of the runs have a mark, so that the button takes it away. */
export const allHave = (runs: Runs, ids: readonly number[], mark: 'star' | 'hidden'): boolean =>
  ids.length > 0 && ids.every((id) => valueIn(runs, mark, id) === true)

/** The note that all of these runs have; '' if they have different ones. */
export function noteOf(runs: Runs, ids: readonly number[]): string {
  const notes = new Set(ids.map((id) => valueIn(runs, 'note', id)))
  const [note] = notes
  return notes.size === 1 && typeof note === 'string' ? note : ''
}

/** Runs by what they have in a column now, so that it can be given back to them. */
export function byValue(runs: Runs, ids: readonly number[], column: string): [value: Json, ids: number[]][] {
  const values = find(runs, column)?.values
  const found = new Map<string, [Json, number[]]>()
  for (const id of ids) {
    const place = runs.places.get(id)
    if (place === undefined) continue
    const value = values?.[place] ?? null
    const group = found.get(keyOf(value))
    if (group) group[1].push(id)
    else found.set(keyOf(value), [value, [id]])
  }
  return [...found.values()]
}

export interface Done {
  readonly done: readonly number[]
  readonly left: readonly { readonly run: number; readonly reason: string }[]
}

/** "3 runs starred." and, of runs to which it was not done, the reasons. */
export function outcome({ done, left }: Done, did: string): string {
  const parts = done.length > 0 ? [`${plural(done.length, 'run')} ${did}.`] : []
  const reasons = new Map<string, number>()
  for (const { reason } of left) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  for (const [reason, count] of reasons) parts.push(`Not ${number(count)}: ${reason}.`)
  return parts.join(' ')
}
