// The collections there are, as the first page lists them.

import { signal } from '@preact/signals'
import { home } from '../server/api'
import type { CollectionSummary, StudioInfo } from '../server/types'
import { attempt, say, sentenceOf } from './messages'

export const info = signal<StudioInfo | null>(null)
/** They could not be listed: why. */
export const failed = signal<string | null>(null)

export async function load(): Promise<void> {
  failed.value = null
  try {
    info.value = await home.studio()
  } catch (error) {
    failed.value = sentenceOf(error)
  }
}

export const forget = ({ id, name }: CollectionSummary): Promise<boolean> =>
  attempt(async () => {
    await home.forget(id)
    say(`${name} is forgotten.`)
    await load()
  }, `Could not forget ${name}: `)
