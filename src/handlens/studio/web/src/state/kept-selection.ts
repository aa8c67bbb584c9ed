// The selection of this tab and its open review, kept over a refresh: by ids, and only while these are the same photos.

import type { Gesture } from '../server/types'
import { photos } from './collection'
import { idsOf, maskOf } from './masks'
import { type Order, review, setReview, sortsOut } from './review'
import { gesture, replaceSelection, selected } from './selection'

const keyOf = (collection: string): string => `handlens-selection-${collection}`

interface Kept {
  ids: number[]
  gesture: Gesture
  /** the photos of the open review in their order, also those thrown out; of none if it is closed */
  reviewed: number[]
  title: string
  order: Order
  /** of the paths of all these photos */
  hash: number
}

/** A hash of texts (FNV-1a): another collection at the same address has other photos at these ids. */
function hashOf(texts: readonly (string | undefined)[]): number {
  let hash = 0x811c9dc5
  for (const character of texts.join('\n')) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return hash >>> 0
}

const pathsOf = (ids: readonly number[]): (string | undefined)[] => ids.map((id) => photos.value?.paths[id])

/** What was found is kept, and not what is selected now. */
let foundIsKept = false

/** Keeps photos that were found for the page that starts afresh: they are selected, and in the review. */
export function keepFound(
  collection: string,
  ids: readonly number[],
  paths: readonly string[],
  by: Gesture,
  title: string,
): void {
  const hash = hashOf([...paths, ...paths])
  const kept: Kept = { ids: [...ids], gesture: by, reviewed: [...ids], title, order: 'as-is', hash }
  try {
    sessionStorage.setItem(keyOf(collection), JSON.stringify(kept))
    foundIsKept = true
  } catch {
    // As below.
  }
}

/** Keeps the selection for the next time that this tab shows the collection. */
export function keepSelection(collection: string): void {
  if (foundIsKept) return
  const ids = idsOf(selected.value)
  const open = sortsOut.value ? review.value : null
  const reviewed = open?.ids ?? []
  const kept: Kept = {
    ids,
    gesture: gesture.value,
    reviewed,
    title: open?.title ?? '',
    order: open?.order ?? 'as-is',
    hash: hashOf(pathsOf([...ids, ...reviewed])),
  }
  try {
    if (ids.length + reviewed.length > 0) sessionStorage.setItem(keyOf(collection), JSON.stringify(kept))
    else sessionStorage.removeItem(keyOf(collection))
  } catch {
    // This browser stores nothing, or not as much: the selection is empty after a refresh.
  }
}

/** Selects what this tab had selected, if these are still the same photos, out of `count`. */
export function restoreSelection(collection: string, count: number): void {
  replaceSelection(new Uint8Array(count))
  try {
    const kept = JSON.parse(sessionStorage.getItem(keyOf(collection)) ?? 'null') as Kept | null
    if (!kept) return
    const { ids, reviewed, title, order } = kept
    const all = [...ids, ...reviewed]
    if (!all.every((id) => id < count) || hashOf(pathsOf(all)) !== kept.hash) return
    replaceSelection(maskOf(ids, count), kept.gesture)
    if (reviewed.length > 0) setReview({ kind: 'selection', title, ids: reviewed, from: new Set(), order })
  } catch {
    // As above, or something else wrote there.
  }
}
