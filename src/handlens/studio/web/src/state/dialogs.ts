// Which dialog is open: one at a time.

import type { CollectionSummary } from '../server/types'
import { owned } from './owned'

export type Dialog =
  | { kind: 'help' }
  | { kind: 'keys' }
  | { kind: 'left-out' }
  | { kind: 'sources' }
  | { kind: 'take-away' }
  | { kind: 'rename'; name: string }
  | { kind: 'merge'; names: string[] }
  | { kind: 'delete'; name: string }
  | { kind: 'photo'; id: number }
  | { kind: 'forget'; what: CollectionSummary }
  | { kind: 'check'; draw?: number }
  | { kind: 'finish' }
  | { kind: 'split' }
  | { kind: 'datasheet' }
  | { kind: 'queue' }
  | { kind: 'contest'; id: number }

const [dialog, setDialog] = owned<Dialog | null>(null)

export { dialog }

export const openDialog = (which: Dialog): void => setDialog(which)

export const closeDialog = (): void => setDialog(null)
