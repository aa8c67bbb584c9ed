// The ways to select photos. An open review grid shows the new selection at once.

import type { SelectMode } from '../map/types'
import type { Gesture } from '../server/types'
import { photos as photosText } from '../text/format'
import { count } from './collection'
import { labels } from './labels'
import { positions } from './maps'
import { combine, maskOf } from './masks'
import { announce } from './messages'
import { reviewNewSelection } from './review'
import { emptySelection, replaceSelection, selected, selectedCount } from './selection'
import { shownMask } from './view'

export function select(mask: Uint8Array, mode: SelectMode, by: Gesture): void {
  replaceSelection(combine(selected.value, mask, mode), mode === 'remove' ? undefined : by)
  reviewNewSelection()
  announce(`${photosText(selectedCount.value)} selected`)
}

export const selectPhoto = (id: number, mode: SelectMode): void => select(maskOf([id], count.value), mode, 'click')

/** Selects what the map shows, in view or not: for people without a mouse, who then leave photos out in the review. */
export function selectShown(): void {
  const xy = positions.value
  if (xy)
    select(
      shownMask.value.map((on, id) => (on && !Number.isNaN(xy[2 * id]!) ? 1 : 0)),
      'replace',
      'box',
    )
}

export function selectLabel(name: string): void {
  const code = labels.value.names.findIndex((l) => l.name === name)
  select(
    Uint8Array.from(labels.value.codes, (c) => (c === code ? 1 : 0)),
    'replace',
    'click',
  )
}

export function clearSelection(): void {
  if (selectedCount.value === 0) return
  emptySelection()
  reviewNewSelection()
  announce('Nothing selected')
}
