// Labels that are kept aside, and how often the model in use is right on them.

import type { Truth } from '../server/types'
import { api } from './collection'
import { attempt, say } from './messages'
import { owned } from './owned'

const [truth, setTruth] = owned<Truth | null>(null)

export { truth }

let asked = 0

/** Fetches the report; only the answer to the latest question is shown. */
export async function loadTruth(): Promise<void> {
  const mine = ++asked
  const found = await api.truth()
  if (mine === asked) setTruth(found)
}

/** The same where nobody waits for it: the next change of labels or predictions asks again. */
export const refreshTruth = (): void => void loadTruth().catch(() => undefined)

export async function removeTruth(): Promise<void> {
  await attempt(async () => {
    await api.removeTruth()
    await loadTruth()
    say('The labels that were kept aside are removed. Import them again to have them back.')
  }, 'Not removed: ')
}
