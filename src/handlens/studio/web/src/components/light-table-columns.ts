// The columns of the light table.

import type { Layer } from '../server/types'
import { stageOf } from '../state/collection'

/** A stage of a source: its layers stand one below the other. */
export interface Column {
  key: string
  source: string
  stage: string
  /** which stage of its source it is, from 1 */
  number: number
  at: Partial<Record<Layer['pooling'], Layer>>
}

export function columnsOf(all: Layer[]): Column[] {
  const columns = new Map<string, Column>()
  for (const l of all) {
    const key = `${l.source} ${l.stage}`
    const number = 1 + [...columns.values()].filter((c) => c.source === l.source).length
    const column = columns.get(key) ?? { key, source: l.source, stage: stageOf(l), number, at: {} }
    column.at[l.pooling] = l
    columns.set(key, column)
  }
  return [...columns.values()]
}
