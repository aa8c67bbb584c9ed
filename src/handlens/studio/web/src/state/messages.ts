// What the page tells the person: progress in a polite live region, and messages that stay until they are read.

import { ApiError } from '../server/http'
import { owned } from './owned'

/** The sentence in the live region; read aloud by screen readers when it changes. */
const [spoken, setSpoken] = owned('')

export function announce(sentence: string): void {
  // A repeated sentence is read again only if the text differs: a trailing no-break space does that.
  setSpoken(spoken.value === sentence ? `${sentence}\u00a0` : sentence)
}

/** What a button of a message does. */
export interface Action {
  name: string
  run: () => void
}

export interface Message {
  id: number
  text: string
  kind: 'error' | 'note'
  actions: readonly Action[]
}

const [messages, setMessages] = owned<readonly Message[]>([])

export { messages, spoken }

let next = 1

export function dismiss(id: number): void {
  setMessages(messages.value.filter((m) => m.id !== id))
}

/** Shows a message; a note without anything to press goes by itself. */
export function say(text: string, kind: Message['kind'] = 'note', actions: readonly Action[] = []): number {
  const id = next++
  // The same sentence twice is one message.
  const others = messages.value.filter((m) => m.text !== text)
  setMessages([...others.slice(-3), { id, text, kind, actions }])
  if (kind === 'note') {
    announce(text)
    if (actions.length === 0) setTimeout(() => dismiss(id), 6000)
  }
  return id
}

export const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'Something went wrong in the page.'

/**
 * Runs `work`; a failure becomes a message, with a button to try again unless that is useless, in the place of earlier ones with the same prefix.
 * Resolves to whether it went well.
 */
export async function attempt(work: () => Promise<void>, prefix = ''): Promise<boolean> {
  if (prefix) setMessages(messages.value.filter((m) => m.kind !== 'error' || !m.text.startsWith(prefix)))
  try {
    await work()
    return true
  } catch (error) {
    // What the server does not understand or want is not better the second time.
    const isRefused = error instanceof ApiError && [400, 422].includes(error.status)
    const again = { name: 'Try again', run: () => void attempt(work, prefix) }
    say(prefix + sentenceOf(error), 'error', isRefused ? [] : [again])
    return false
  }
}
