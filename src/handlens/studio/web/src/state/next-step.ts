// What can be done next with the model: whether it can be trained, how many photos a check would draw, what to label.

import { computed } from '@preact/signals'
import { collection, count, photos } from './collection'
import { labelledCount, labels } from './labels'
import { report } from './model'
import { ROUND } from './spot-check'

/** From this share of the checked photos on, those that show none of the labels come first: no check makes it right. */
const MANY = 0.2

/** Whether two labels have photos: with fewer there is nothing to tell apart. */
export const canTrain = computed(() => labels.value.names.filter((l) => l.count > 0).length >= 2)

/** Photos drawn for the spot check that wait for an answer. */
export const waitingCount = computed(() => collection.value?.spot_check.waiting.length ?? 0)

/** Photos that the next check would draw. */
export const drawCount = computed(() => Math.min(ROUND, collection.value?.spot_check.left ?? 0))

/** What to label, where that comes before another check: the checked photos with none of the labels, or any. */
export const toLabel = computed<'none' | 'unsure' | 'more' | null>(() => {
  const made = report.value
  const check = collection.value?.spot_check
  if (!made || !check || check.waiting.length > 0) return null
  if (check.none_of_these.length > 0 && check.none_of_these.length >= MANY * check.answered) return 'none'
  if (made.accuracy === null) return made.checked === 0 && made.unsure > 0 ? 'unsure' : null
  return made.accuracy < 0.5 ? 'more' : null
})

/** Photos that cannot be read. */
const unreadable = computed(() => {
  const out = new Set(photos.value?.left_out.map((file) => file.path))
  if (out.size === 0) return []
  return photos.value!.paths.flatMap((path, id) => (out.has(path) ? [id] : []))
})

/** Photos that can be read, one 0/1 byte by id. */
export const readableMask = computed(() => {
  const mask = new Uint8Array(count.value).fill(1)
  for (const id of unreadable.value) mask[id] = 0
  return mask
})

/** Photos that can be read and have no label, one 0/1 byte by id. */
export const unlabelledMask = computed(() => {
  const mask = readableMask.value.slice()
  const { codes } = labels.value
  for (let id = 0; id < mask.length; id++) if ((codes[id] ?? -1) >= 0) mask[id] = 0
  return mask
})

export const unlabelledCount = computed(() => {
  const { codes } = labels.value
  const labelled = labelledCount.value - unreadable.value.filter((id) => (codes[id] ?? -1) >= 0).length
  return count.value - unreadable.value.length - labelled
})
