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

/** Where a key leads in the table, in which only some places are `filled`; null where it leads nowhere. */
export function stepIn(
  filled: readonly (readonly boolean[])[],
  [row, column]: readonly [number, number],
  key: string,
): [number, number] | null {
  const inRow = filled[row]!.flatMap((is, i) => (is ? [i] : []))
  const inColumn = filled.flatMap((cells, i) => (cells[column] ? [i] : []))
  const found = {
    ArrowLeft: [row, inRow.findLast((i) => i < column)],
    ArrowRight: [row, inRow.find((i) => i > column)],
    ArrowUp: [inColumn.findLast((i) => i < row), column],
    ArrowDown: [inColumn.find((i) => i > row), column],
    Home: [row, inRow[0]],
    End: [row, inRow.at(-1)],
  }[key]
  return found?.[0] === undefined || found[1] === undefined ? null : [found[0], found[1]]
}
