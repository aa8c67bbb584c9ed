// How far a study is, and what went wrong in it, from its runs.

import { find, type Json, type Runs } from '../state/table'

export interface Progress {
  readonly running: number
  readonly waiting: number
  /** of all runs, those that are not waiting or being trained */
  readonly ended: number
  readonly total: number
  /** null: no run has finished yet, or none is being trained */
  readonly secondsLeft: number | null
}

const column = (runs: Runs, name: string): readonly Json[] => find(runs, name)?.values ?? []

/** How far the runs are at a time in seconds since 1970; those that wait take as long as the median of finished ones. */
export function progressOf(runs: Runs, now: number): Progress {
  const [statuses, seconds, started] = ['status', 'seconds', 'started'].map((name) => column(runs, name)) as [
    readonly Json[],
    readonly Json[],
    readonly Json[],
  ]
  const took: number[] = []
  let [running, waiting] = [0, 0]
  for (const [i, status] of statuses.entries()) {
    if (status === 'finished' && typeof seconds[i] === 'number') took.push(seconds[i])
    if (status === 'running') running++
    if (status === 'waiting') waiting++
  }
  took.sort((a, b) => a - b)
  const usual = took[took.length >> 1]
  let secondsLeft: number | null = null
  if (usual !== undefined && running > 0) {
    let work = waiting * usual
    for (const [i, status] of statuses.entries()) {
      if (status === 'running') work += Math.max(0, usual - (now - Number(started[i] ?? now)))
    }
    secondsLeft = work / running
  }
  return { running, waiting, ended: statuses.length - running - waiting, total: statuses.length, secondsLeft }
}

export interface Failure {
  readonly error: string
  readonly runs: number[]
}

/** The different errors of failed runs, the most frequent first. */
export function failuresOf(runs: Runs): Failure[] {
  const errors = column(runs, 'error')
  const found = new Map<string, number[]>()
  for (const [i, status] of column(runs, 'status').entries()) {
    if (status !== 'failed') continue
    const error = String(errors[i] ?? 'without a message')
    found.set(error, [...(found.get(error) ?? []), runs.ids[i]!])
  }
  return [...found].map(([error, ids]) => ({ error, runs: ids })).sort((a, b) => b.runs.length - a.runs.length)
}

/** How many runs have a status. */
export const countOf = (runs: Runs, status: string): number =>
  column(runs, 'status').filter((one) => one === status).length
