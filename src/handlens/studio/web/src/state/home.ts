// What the first page shows: the collections on this machine, the built-in ones, the networks to suggest.

import { home } from '../server/api'
import type { CollectionSummary, StudioInfo } from '../server/types'
import { attempt, say, sentenceOf } from './messages'
import { owned } from './owned'

const [info, setInfo] = owned<StudioInfo | null>(null)
/** Why the collections could not be listed; null while all is well. */
const [failed, setFailed] = owned<string | null>(null)

export { failed, info }

export async function loadHome(): Promise<void> {
  setFailed(null)
  try {
    setInfo(await home.studio())
  } catch (error) {
    setFailed(sentenceOf(error))
  }
}

export const forget = ({ id, name }: CollectionSummary): Promise<boolean> =>
  attempt(async () => {
    await home.forget(id)
    say(`${name} is forgotten.`)
    await loadHome()
  }, `Could not forget ${name}: `)
