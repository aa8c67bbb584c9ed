// The checked photos that show none of the labels, in the review grid, where they can be given one.

import { collection, count } from './collection'
import { closeDialog } from './dialogs'
import { maskOf } from './masks'
import { openReview } from './review'
import { select } from './selecting'

export function showNoneOfThese(): void {
  closeDialog()
  select(maskOf(collection.value?.spot_check.none_of_these ?? [], count.value), 'replace', 'review')
  void openReview('None of your labels')
}
