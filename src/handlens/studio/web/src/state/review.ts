// The review grid: which photos it shows, in which order. A photo in the grid is kept or thrown out;
// kept means no more and no less than selected.

import { computed, signal } from '@preact/signals'
import { photos as photosText } from '../text/format'
import { api, count, layer, projection, searching, selected, selectedCount } from './collection'
import { idsOf, maskOf, turned } from './masks'
import { announce, attempt, say } from './messages'

export type Order = 'as-is' | 'odd-first'

export interface Review {
  kind: 'selection' | 'similar'
  /** in the order shown */
  ids: number[]
  /** of a similar search: the photos it started from, shown first */
  from: ReadonlySet<number>
  order: Order
}

export const review = signal<Review | null>(null)
/** side of a photo in the grid, pixels */
export const gridSize = signal(112)
/** how many of the nearest photos a similar search shows */
export const nearest = signal(48)

/** The order wished for is being asked of the server. */
export const sorting = signal(false)

let found: number[] = []

export const thrownOut = computed(() => review.value?.ids.filter((id) => !selected.value[id]).length ?? 0)

export function openReview(): void {
  if (selectedCount.value === 0) {
    say('Select some photos first: draw around them with the lasso (L).')
    return
  }
  review.value = { kind: 'selection', ids: idsOf(selected.value), from: new Set(), order: 'as-is' }
  announce(`Review: ${photosText(selectedCount.value)}`)
}

export const closeReview = (): void => {
  review.value = null
}

/** The selection was changed elsewhere: the grid shows the new one. */
export function selectionReplaced(): void {
  if (!review.value) return
  if (selectedCount.value === 0) return closeReview()
  review.value = { kind: 'selection', ids: idsOf(selected.value), from: new Set(), order: 'as-is' }
}

export function toggleKept(id: number): void {
  const kept = !selected.value[id]
  selected.value = turned(selected.value, [id], kept)
  announce(kept ? 'kept' : 'thrown out')
}

export function keepAll(on: boolean): void {
  if (review.value) selected.value = turned(selected.value, review.value.ids, on)
}

export function sortReview(order: Order): Promise<boolean> {
  return attempt(async () => {
    const open = review.value
    if (!open) return
    if (order === 'as-is') {
      review.value = {
        ...open,
        order,
        ids: open.kind === 'selection' ? [...open.ids].sort((a, b) => a - b) : asFound(open),
      }
      return
    }
    sorting.value = true
    try {
      const ranked = await api.spread(maskOf(open.ids, count.value), layer.value, projection.value)
      if (review.value === open) review.value = { ...open, order, ids: Array.from(ranked.ids) }
    } finally {
      sorting.value = false
    }
  }, 'Could not sort: ')
}

const asFound = (open: Review): number[] => {
  const shown = new Set(open.ids)
  return [...open.from, ...found].filter((id) => shown.has(id))
}

export function findSimilar(): Promise<boolean> {
  if (selectedCount.value === 0) {
    say('Select one or more examples first, then find photos similar to them.')
    return Promise.resolve(false)
  }
  return attempt(async () => {
    searching.value = true
    try {
      const examples = idsOf(selected.value)
      const ranked = await api.similar(selected.value, layer.value, projection.value)
      found = Array.from(ranked.ids)
      showNearest(nearest.value, examples)
      announce(`The ${Math.min(nearest.value, found.length)} most similar photos`)
    } finally {
      searching.value = false
    }
  }, 'Could not search: ')
}

/** Shows `k` of the photos found; what was thrown out stays out, what is new comes in kept. */
export function showNearest(k: number, examples = [...(review.value?.from ?? [])]): void {
  nearest.value = k
  const before = new Set(review.value?.kind === 'similar' ? review.value.ids : [])
  const ids = [...examples, ...found.slice(0, k)]
  const mask = maskOf(ids, count.value)
  for (const id of before) if (mask[id] && !selected.value[id]) mask[id] = 0
  selected.value = mask
  review.value = { kind: 'similar', ids, from: new Set(examples), order: 'as-is' }
}

export const foundCount = (): number => found.length
