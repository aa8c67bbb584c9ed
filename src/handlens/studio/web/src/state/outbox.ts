// Answers on their way to the server, one after another. What does not arrive is sent again; what is refused is given back.

import type { ReadonlySignal } from '@preact/signals'
import { ApiError } from '../server/http'
import { sentenceOf } from './messages'
import { owned } from './owned'

/** Milliseconds until answers that could not be sent are sent again. */
export const AGAIN = 3000

export interface Outbox<T> {
  /** what the server has not confirmed yet, the earliest first */
  unsent: ReadonlySignal<readonly T[]>
  add: (one: T) => void
  /** Sends now what waits to be sent again; resolves when all is sent, or an answer did not arrive. */
  send: () => Promise<void>
  /** Takes out what is not on its way yet; says whether it did. */
  takeOut: (one: T) => boolean
}

interface Way<T> {
  deliver: (one: T) => Promise<void>
  /** The server has understood it and does not take it. */
  refused: (one: T) => Promise<void> | void
  /** Why an answer is not kept; null once one was. */
  setProblem: (sentence: string | null) => void
}

export function outbox<T>({ deliver, refused, setProblem }: Way<T>): Outbox<T> {
  const [unsent, setUnsent] = owned<readonly T[]>([])
  let sending: T | null = null
  let running: Promise<void> | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  const without = (one: T): void => setUnsent(unsent.value.filter((other) => other !== one))

  function send(): Promise<void> {
    clearTimeout(timer)
    if (running === null && unsent.value.length > 0) running = sendAll()
    return running ?? Promise.resolve()
  }

  async function sendAll(): Promise<void> {
    for (let one = unsent.value[0]; one !== undefined; one = unsent.value[0]) {
      sending = one
      try {
        await deliver(one)
        without(one)
        setProblem(null)
      } catch (error) {
        setProblem(sentenceOf(error))
        if (!isRefusal(error)) {
          timer = setTimeout(() => void send(), AGAIN)
          break
        }
        without(one)
        await refused(one)
      } finally {
        sending = null
      }
    }
    running = null
  }

  return {
    unsent,
    send,
    add(one) {
      setUnsent([...unsent.value, one])
      void send()
    },
    takeOut(one) {
      if (sending === one || !unsent.value.includes(one)) return false
      without(one)
      return true
    },
  }
}

/** Whether trying again is useless. */
const isRefusal = (error: unknown): boolean => error instanceof ApiError && error.status >= 400 && error.status < 500
