// Photos found by words: the ones that a sentence describes best, in the review grid.

import { computed } from '@preact/signals'
import { api, collection } from './collection'
import { announce } from './messages'
import { owned } from './owned'
import { MOST_FOUND, showFound } from './review'

/** The CLIP or SigLIP model that finds photos by words; null without one. */
export const searchesWith = computed(() => collection.value?.text_search ?? null)

/** What was searched for last. */
const [sentence, setSentence] = owned('')

export { sentence }

export async function searchFor(words: string): Promise<void> {
  const { ids } = await api.search(words, MOST_FOUND)
  setSentence(words)
  showFound('search', `“${words}”`, ids)
  announce(`The photos that “${words}” describes best`)
}
