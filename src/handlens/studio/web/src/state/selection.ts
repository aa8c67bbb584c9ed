// The selected photos: a mask by id, which stays as it is when the layer or projection changes.

import { computed } from '@preact/signals'
import type { Gesture } from '../server/types'
import { count } from './collection'
import { countOf } from './masks'
import { owned } from './owned'

const [selected, setSelected] = owned<Uint8Array>(new Uint8Array(0))
/** How the photos were selected: the last action that added some. */
const [gesture, setGesture] = owned<Gesture>('call')

export { gesture, selected }
export const selectedCount = computed(() => countOf(selected.value))

/** Selects the photos of `mask`; `by` says how, unless photos were only taken away. */
export function replaceSelection(mask: Uint8Array, by?: Gesture): void {
  if (by) setGesture(by)
  setSelected(mask)
}

export const emptySelection = (): void => setSelected(new Uint8Array(count.value))
