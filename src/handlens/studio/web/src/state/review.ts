// The review grid: which photos it shows, in which order. A photo in the grid is kept or thrown out;
// kept means selected.

import { computed } from '@preact/signals'
import { photos as photosText } from '../text/format'
import { api, count } from './collection'
import { idsOf, maskOf, turned } from './masks'
import { announce, attempt, say } from './messages'
import { owned } from './owned'
import { replaceSelection, selected, selectedCount } from './selection'
import { layer, projection } from './view'

export type Order = 'as-is' | 'odd-first'

export interface Review {
  kind: 'selection' | 'similar'
  title: string
  /** in the order shown */
  ids: number[]
  /** of a similar search: the photos it started from, shown first */
  from: ReadonlySet<number>
  order: Order
}

const [review, putReview] = owned<Review | null>(null)
/** the place in the grid that the arrow keys are on */
export const [at, moveTo] = owned(0)

/** Shows other photos, or the same in another order: the keys start at the first. */
function setReview(next: Review | null): void {
  moveTo(0)
  putReview(next)
}

/** side of a photo in the grid, pixels */
export const [gridSize, setGridSize] = owned(112)
/** how many of the nearest photos a similar search shows */
const [nearest, setNearest] = owned(48)

/** The server is being asked for another order. */
const [sorting, setSorting] = owned(false)
/** The server is being asked for similar photos. */
const [searching, setSearching] = owned(false)

export { nearest, review, searching, sorting }

let found: number[] = []

export const thrownOut = computed(() => review.value?.ids.filter((id) => !selected.value[id]).length ?? 0)

export function openReview(title = 'Review'): void {
  if (selectedCount.value === 0) {
    say('Select some photos first: draw around them with the lasso (L).')
    return
  }
  setReview({ kind: 'selection', title, ids: idsOf(selected.value), from: new Set(), order: 'as-is' })
  announce(`${title}: ${photosText(selectedCount.value)}`)
}

export const closeReview = (): void => setReview(null)

/** The selection was changed elsewhere: the grid shows the new one. */
export function reviewNewSelection(): void {
  if (!review.value) return
  setReview(
    selectedCount.value === 0
      ? null
      : { kind: 'selection', title: 'Review', ids: idsOf(selected.value), from: new Set(), order: 'as-is' },
  )
}

export function toggleKept(id: number): void {
  const kept = !selected.value[id]
  replaceSelection(turned(selected.value, [id], kept), kept ? 'review' : undefined)
  announce(kept ? 'kept' : 'thrown out')
}

export function keepAll(on: boolean): void {
  if (review.value) replaceSelection(turned(selected.value, review.value.ids, on), on ? 'review' : undefined)
}

export function sortReview(order: Order): Promise<boolean> {
  return attempt(async () => {
    const open = review.value
    if (!open) return
    if (order === 'as-is') {
      setReview({
        ...open,
        order,
        ids: open.kind === 'selection' ? [...open.ids].sort((a, b) => a - b) : asFound(open),
      })
      return
    }
    setSorting(true)
    try {
      const ranked = await api.spread(maskOf(open.ids, count.value), layer.value, projection.value)
      if (review.value === open) setReview({ ...open, order, ids: Array.from(ranked.ids) })
    } finally {
      setSorting(false)
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
    setSearching(true)
    try {
      const examples = idsOf(selected.value)
      const ranked = await api.similar(selected.value, layer.value, projection.value)
      found = Array.from(ranked.ids)
      showNearest(nearest.value, examples)
      announce(`The ${Math.min(nearest.value, found.length)} most similar photos`)
    } finally {
      setSearching(false)
    }
  }, 'Could not search: ')
}

/** Shows `k` of the photos found; what was thrown out stays out, what is new comes in kept. */
export function showNearest(k: number, examples = [...(review.value?.from ?? [])]): void {
  setNearest(k)
  const before = new Set(review.value?.kind === 'similar' ? review.value.ids : [])
  const ids = [...examples, ...found.slice(0, k)]
  const mask = maskOf(ids, count.value)
  for (const id of before) if (mask[id] && !selected.value[id]) mask[id] = 0
  replaceSelection(mask, 'similar')
  setReview({ kind: 'similar', title: 'Most similar', ids, from: new Set(examples), order: 'as-is' })
}

export const foundCount = (): number => found.length
