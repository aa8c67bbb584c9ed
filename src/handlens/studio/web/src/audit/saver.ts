// Saves texts a moment after they are typed: the latest text of each key, one at a time, with retries.

import type { ReadonlySignal } from '@preact/signals'
import { sentenceOf } from '../state/messages'
import { owned } from '../state/owned'

const WAIT = 500
const AGAIN = 3000

export class Saver {
  /** Why the latest attempt failed; null while all is well. */
  readonly error: ReadonlySignal<string | null>
  /** How many texts are not saved yet. */
  readonly unsaved: ReadonlySignal<number>
  private setError: (to: string | null) => void
  private setUnsaved: (to: number) => void
  private texts = new Map<string, string>()
  private timer: ReturnType<typeof setTimeout> | null = null
  private running = false

  constructor(private put: (key: string, text: string) => Promise<void>) {
    ;[this.error, this.setError] = owned<string | null>(null)
    ;[this.unsaved, this.setUnsaved] = owned(0)
  }

  typed(key: string, text: string): void {
    this.texts.set(key, text)
    this.setUnsaved(this.texts.size)
    this.later(WAIT)
  }

  /** Saves all unsaved texts now. */
  async flush(): Promise<void> {
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
    if (this.running) return
    this.running = true
    try {
      for (let next = this.first(); next; next = this.first()) {
        await this.put(...next)
        // Unless more was typed in the meantime.
        if (this.texts.get(next[0]) === next[1]) this.texts.delete(next[0])
        this.setUnsaved(this.texts.size)
        this.setError(null)
      }
    } catch (error) {
      this.setError(sentenceOf(error))
      this.later(AGAIN)
    } finally {
      this.running = false
    }
  }

  /** The texts that are not saved yet, for when the page is closed. */
  left(): [string, string][] {
    return [...this.texts]
  }

  private first(): [string, string] | undefined {
    return this.texts.entries().next().value
  }

  private later(wait: number): void {
    if (this.timer) clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.flush(), wait)
  }
}
