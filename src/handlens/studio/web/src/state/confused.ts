// The photos of one cell of the confusion table.

import { api, count } from './collection'
import { maskOf } from './masks'
import { attempt, say } from './messages'
import { openReview } from './review'
import { select } from './selecting'

/** Selects the photos that are `label` and were predicted `predicted`, and shows them in the review grid. */
export const showConfused = (label: string, predicted: string): Promise<boolean> =>
  attempt(async () => {
    const ids = await api.confused(label, predicted)
    if (ids.length === 0) {
      say(`No photo that is ${label} and predicted ${predicted} is left: labels have changed since.`)
      return
    }
    select(maskOf(ids, count.value), 'replace', 'review')
    await openReview(`${label} as ${predicted}`)
  }, 'Could not show the photos: ')
