// One photo large: which photos come before and after it.

import { computed } from '@preact/signals'
import { api, count } from './collection'
import { dialog, openDialog } from './dialogs'
import { assignTo, change, guessed } from './labels'
import { idsOf, maskOf } from './masks'
import { moveTo, review } from './review'
import { selected } from './selection'
import { shownMask } from './view'

/** The photos to step through: those that the photo was opened among; or else the selection, or the map. */
const among = computed<readonly number[]>(() => {
  const open = dialog.value
  if (open?.kind !== 'photo') return []
  if (open.among?.includes(open.id)) return open.among
  const picked = idsOf(selected.value)
  if (picked.length > 1 && picked.includes(open.id)) return picked
  const onMap = idsOf(shownMask.value)
  return onMap.includes(open.id) ? onMap : [open.id]
})

/** Where the photo is among those to step through. */
export const place = computed(() => {
  const open = dialog.value
  return { at: open?.kind === 'photo' ? among.value.indexOf(open.id) : -1, of: among.value.length }
})

/** The photos before and after the one shown, those that are probably next first. */
export const around = computed(() =>
  [1, -1, 2, 3].map((by) => among.value[place.value.at + by]).filter((id) => id !== undefined),
)

/** Shows the photo so many places further on; nothing happens beyond the first and the last one. */
export function step(by: number): void {
  const ids = among.value
  const to = ids[place.value.at + by]
  if (to === undefined) return
  openDialog({ kind: 'photo', id: to, among: ids })
  // The grid stays at the photo that is looked at.
  if (review.value?.ids === ids) moveTo(ids.indexOf(to))
}

export const labelPhoto = (id: number, name: string): Promise<boolean> =>
  assignTo(maskOf([id], count.value), name, 'click')

export function unlabelPhoto(id: number): Promise<boolean> {
  const mask = maskOf([id], count.value)
  return change(
    () => api.remove(mask),
    'Label removed',
    (now) => guessed(now, mask, null),
  )
}
