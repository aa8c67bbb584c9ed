// Which dialog is open: one at a time.

import type { CollectionSummary } from '../server/types'
import { owned } from './owned'

export type Dialog =
  | { kind: 'help' }
  | { kind: 'left-out' }
  | { kind: 'locate' }
  | { kind: 'sources' }
  | { kind: 'search' }
  | { kind: 'take-away' }
  | { kind: 'import' }
  | { kind: 'rename'; name: string }
  | { kind: 'merge'; names: string[] }
  | { kind: 'delete'; name: string }
  /** `among` says which photos come before and after it: those on the map unless given. */
  | { kind: 'photo'; id: number; among?: readonly number[] }
  | { kind: 'forget'; what: CollectionSummary }
  | { kind: 'check'; draw?: number }
  | { kind: 'batch'; way: 'suggested' | 'predicted' }
  | { kind: 'finish' }
  | { kind: 'split' }
  | { kind: 'datasheet' }
  | { kind: 'queue' }
  | { kind: 'contest'; id: number }

const [dialog, setDialog] = owned<Dialog | null>(null)

export { dialog }

/** What is asked over the page, and over a dialog that is open. */
export interface Question {
  title: string
  text: string
  /** the names of the buttons; Enter presses the first */
  answers: readonly string[]
}

const [question, setQuestion] = owned<Question | null>(null)

export { question }

let settle: (answer: string | null) => void = () => undefined

/** Asks the person; resolves to the answer, null if they cancel. */
export function ask(about: Question): Promise<string | null> {
  settle(null)
  setQuestion(about)
  return new Promise((done) => {
    settle = done
  })
}

export function giveAnswer(answer: string | null): void {
  setQuestion(null)
  settle(answer)
}

export const openDialog = (which: Dialog): void => setDialog(which)

export const closeDialog = (): void => setDialog(null)
