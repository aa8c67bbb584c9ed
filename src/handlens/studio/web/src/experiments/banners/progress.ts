// How far a study is, and what went wrong in it, from its runs.

import type { Study } from '../server'
import { find, type Json, type Runs } from '../state/table'

export interface Progress {
  readonly running: number
  readonly waiting: number
  /** of those that are being trained according to the record, the ones whose process is gone */
  readonly lost: number
  /** of all runs, those that are not waiting or being trained */
  readonly ended: number
  /** with those that are still to be chosen */
  readonly total: number
  /** null: no run has finished yet, or none is being trained */
  readonly secondsLeft: number | null
}

const column = (runs: Runs, name: string): readonly Json[] => find(runs, name)?.values ?? []

/**
 * How far the runs are at a time in seconds since 1970; those to come take as long as finished ones on average. Those
 * that are lost wait for another process.
 */
export function progressOf(runs: Runs, now: number, { lost, to_come }: Pick<Study, 'lost' | 'to_come'>): Progress {
  const [statuses, seconds, started] = ['status', 'seconds', 'started'].map((name) => column(runs, name)) as [
    readonly Json[],
    readonly Json[],
    readonly Json[],
  ]
  const gone = new Set(lost)
  let [finished, took, running, waiting, cutOff] = [0, 0, 0, 0, 0]
  const startedAt: number[] = []
  for (const [i, status] of statuses.entries()) {
    if (status === 'finished' && typeof seconds[i] === 'number') {
      finished++
      took += seconds[i]
    }
    if (status === 'waiting') waiting++
    if (status !== 'running') continue
    if (gone.has(runs.ids[i]!)) cutOff++
    else {
      running++
      startedAt.push(Number(started[i] ?? now))
    }
  }
  let secondsLeft: number | null = null
  if (finished > 0 && running > 0) {
    const usual = took / finished
    const left = startedAt.map((at) => Math.max(0, usual - (now - at)))
    secondsLeft = (usual * (waiting + cutOff + to_come) + left.reduce((sum, one) => sum + one, 0)) / running
  }
  return {
    running,
    waiting,
    lost: cutOff,
    ended: statuses.length - running - waiting - cutOff,
    total: statuses.length + to_come,
    secondsLeft,
  }
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
