// The selected photos: a mask by id, which stays as it is when the layer or projection changes.

import { computed } from '@preact/signals'
import { count } from './collection'
import { countOf } from './masks'
import { owned } from './owned'

const [selected, setSelected] = owned<Uint8Array>(new Uint8Array(0))

export { selected }
export const selectedCount = computed(() => countOf(selected.value))

export const replaceSelection = setSelected

export const emptySelection = (): void => setSelected(new Uint8Array(count.value))
