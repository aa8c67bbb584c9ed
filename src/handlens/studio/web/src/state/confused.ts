// The photos of one cell of the confusion table.

import { api } from './collection'
import { attempt, say } from './messages'
import { openReview } from './review'
import { selectIds } from './selecting'

/** Selects the photos that are `label` and were predicted `predicted`, and shows them in the review grid. */
export const showConfused = (label: string, predicted: string): Promise<boolean> =>
  attempt(async () => {
    const ids = await api.confused(label, predicted)
    if (ids.length === 0) {
      say(`No photo that is ${label} and predicted ${predicted} is left: labels have changed since.`)
      return
    }
    selectIds(ids, 'replace')
    openReview()
  }, 'Could not show the photos: ')
