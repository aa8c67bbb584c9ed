// The new collections whose photos are being copied on this machine.

import { home } from '../server/api'
import type { Copying } from '../server/types'
import { loadHome } from './home'
import { attempt } from './messages'
import { owned } from './owned'

const EVERY = 500 // milliseconds

const [copying, setCopying] = owned<readonly Copying[]>([])

export { copying }

/** How many calls of `whileCopying` have not ended. */
let waiting = 0
let following = false

/** Follows what is copied until `work` ends. */
export async function whileCopying<T>(work: Promise<T>): Promise<T> {
  waiting++
  void followCopying()
  try {
    return await work
  } finally {
    waiting--
  }
}

/** Follows what is copied, if anything is, until it has ended; then the new collections are listed. */
export async function followCopying(): Promise<void> {
  if (following) return
  following = true
  try {
    for (;;) {
      const before = copying.value.length
      setCopying(await home.copying())
      if (copying.value.length < before) void loadHome()
      if (copying.value.length === 0 && waiting === 0) return
      await new Promise((ready) => setTimeout(ready, EVERY))
    }
  } catch {
    setCopying([]) // the call that makes the collection says what is wrong
  } finally {
    following = false
  }
}

export const cancelCopying = ({ id, name }: Copying): Promise<boolean> =>
  attempt(async () => {
    await home.cancelCopying(id)
  }, `Could not stop copying ${name}: `)
