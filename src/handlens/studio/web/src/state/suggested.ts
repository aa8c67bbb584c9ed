// The photos that are most worth a label now, in the review grid.

import { api, count } from './collection'
import { maskOf } from './masks'
import { attempt } from './messages'
import { openReview } from './review'
import { select } from './selecting'

/** How many photos are suggested at once. */
export const SUGGESTED = 24

export const showSuggested = (): Promise<boolean> =>
  attempt(async () => {
    select(maskOf(await api.next(SUGGESTED), count.value), 'replace', 'review')
    await openReview('Label next')
  }, 'Could not suggest photos: ')
