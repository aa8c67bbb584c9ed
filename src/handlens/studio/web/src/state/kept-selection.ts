// The selection of this tab, kept over a refresh: by ids, and only while these ids are the same photos.

import type { Gesture } from '../server/types'
import { photos } from './collection'
import { idsOf, maskOf } from './masks'
import { gesture, replaceSelection, selected } from './selection'

const keyOf = (collection: string): string => `handlens-selection-${collection}`

interface Kept {
  ids: number[]
  gesture: Gesture
  /** of the paths of these photos */
  hash: number
}

/** A hash of texts (FNV-1a): another collection at the same address has other photos at these ids. */
function hashOf(texts: readonly (string | undefined)[]): number {
  let hash = 0x811c9dc5
  for (const character of texts.join('\n')) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return hash >>> 0
}

const pathsOf = (ids: readonly number[]): (string | undefined)[] => ids.map((id) => photos.value?.paths[id])

/** Keeps the selection for the next time that this tab shows the collection. */
export function keepSelection(collection: string): void {
  const ids = idsOf(selected.value)
  const kept: Kept = { ids, gesture: gesture.value, hash: hashOf(pathsOf(ids)) }
  try {
    if (ids.length > 0) sessionStorage.setItem(keyOf(collection), JSON.stringify(kept))
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
    if (kept?.ids.every((id) => id < count) && hashOf(pathsOf(kept.ids)) === kept.hash) {
      replaceSelection(maskOf(kept.ids, count), kept.gesture)
    }
  } catch {
    // As above, or something else wrote there.
  }
}
