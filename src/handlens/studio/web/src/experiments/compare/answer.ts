// What the server says of the groups that are compared: a pivot table with one cell each.

import type { Question, RawPivot } from '../server'
import type { Group } from './groups'

export interface Cell {
  readonly count: number
  readonly missing: number
  readonly whyMissing: string
  readonly mean: number | null
  readonly difference: number | null
  readonly low: number | null
  readonly high: number | null
  readonly verdict: string
}

export const questionOf = (study: string, groups: readonly Group[], baseline: Group, values: string): Question => ({
  study,
  rows: ['combination'],
  columns: [],
  values,
  baseline: { combination: baseline.id },
  runs: groups.flatMap((group) => group.runs),
})

/** The cell of each group, by its number. */
export function cellsOf(answer: RawPivot): Map<number, Cell> {
  const labels = answer.labels.combination ?? []
  return new Map(
    (answer.key.combination ?? []).map((at, i) => [
      Number(labels[at]),
      {
        count: answer.count[i]!,
        missing: answer.missing[i]!,
        whyMissing: answer.why_missing[i]!,
        mean: answer.mean[i] ?? null,
        difference: answer.difference?.[i] ?? null,
        low: answer.difference_low?.[i] ?? null,
        high: answer.difference_high?.[i] ?? null,
        verdict: answer.verdict?.[i] ?? '',
      },
    ]),
  )
}
