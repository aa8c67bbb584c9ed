// Which dialog is open: one at a time.

import { signal } from '@preact/signals'
import type { CollectionSummary } from '../server/types'

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
  | { kind: 'split' }
  | { kind: 'datasheet' }
  | { kind: 'queue' }
  | { kind: 'contest'; id: number }

export const dialog = signal<Dialog | null>(null)

export const closeDialog = (): void => {
  dialog.value = null
}
