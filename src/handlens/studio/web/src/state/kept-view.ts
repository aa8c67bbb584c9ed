// What this tab looked at when it was left, kept until it opens the collection again: after a refresh the page may
// ask for the saved view before the server has taken the last change.

import type { View } from '../server/types'

const keyOf = (collection: string): string => `handlens-view-${collection}`

/** Keeps a view that the server may not have yet. */
export function keepView(collection: string, view: View): void {
  try {
    sessionStorage.setItem(keyOf(collection), JSON.stringify(view))
  } catch {
    // This browser stores nothing: the page opens as the server saved it.
  }
}

/** Takes the view that this tab was left with, or null if the server had it. */
export function takeKeptView(collection: string): View | null {
  try {
    const kept = sessionStorage.getItem(keyOf(collection))
    sessionStorage.removeItem(keyOf(collection))
    return JSON.parse(kept ?? 'null') as View | null
  } catch {
    return null // as above, or something else wrote there
  }
}
