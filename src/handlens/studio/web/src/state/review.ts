// The review grid: which photos it shows, in which order. In a selection and among similar photos, a photo is kept or
// thrown out, and kept means selected; among suspects and duplicates, the selected ones are those that keys act on.

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
  kind: 'selection' | 'similar' | 'search' | 'suspects' | 'duplicates'
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

/** Which photos get labels: those that are kept, or those that were thrown out, because theirs are wrong. */
const [target, setTarget] = owned<'kept' | 'out'>('kept')

/** Shows other photos, or the same in another order: the keys start at the first. */
export function setReview(next: Review | null): void {
  moveTo(0)
  setTarget('kept')
  asked++
  putReview(next)
}

/** Milliseconds that the grid waits for the order with odd ones first; after that, photos stay where they are shown. */
const SOON = 200
/** Photos that are sorted without being asked, at most. */
const MOST_SORTED = 2000
/** The order that selections are shown in. */
let preferred: Order = 'odd-first'
/** Grows with everything that is shown, so that late answers change nothing. */
let asked = 0

/** side of a photo in the grid, pixels */
export const [gridSize, setGridSize] = owned(112)
/** The photos that are shown after a search, at most. */
export const MOST_FOUND = 384
/** how many of the photos that were found are shown, by similarity or by words */
const [nearest, setNearest] = owned(48)

/** The server is being asked for another order. */
const [sorting, setSorting] = owned(false)
/** The server is being asked for similar photos. */
const [searching, setSearching] = owned(false)

export { nearest, review, searching, sorting, target }

let found: number[] = []

export const thrownOut = computed(() => review.value?.ids.filter((id) => !selected.value[id]).length ?? 0)

export async function openReview(title = 'Review'): Promise<void> {
  if (selectedCount.value === 0) {
    say('Select some photos first: draw around them with the lasso (L).')
    return
  }
  announce(`${title}: ${photosText(selectedCount.value)}`)
  await showSelection(title)
}

/** Shows the selected photos, those that are unlike the others first if that is known soon. */
async function showSelection(title: string): Promise<void> {
  const turn = ++asked
  const ids = idsOf(selected.value)
  const sorts = preferred === 'odd-first' && ids.length > 2 && ids.length <= MOST_SORTED
  const ranked = sorts
    ? await Promise.race([
        api.spread(selected.value, layer.value, projection.value).catch(() => null),
        new Promise<null>((resolve) => setTimeout(() => resolve(null), SOON)),
      ])
    : null
  if (turn !== asked) return
  const order = ranked ? 'odd-first' : 'as-is'
  setReview({ kind: 'selection', title, ids: ranked ? Array.from(ranked.ids) : ids, from: new Set(), order })
}

export const closeReview = (): void => setReview(null)

/** The selected photos got a label: the next group starts clean. Suspects and duplicates stay, as there are more. */
export function closeAfterLabel(): void {
  const kind = review.value?.kind
  if (kind !== 'suspects' && kind !== 'duplicates') closeReview()
}

/** The selection was changed elsewhere: the grid shows the new one. */
export function reviewNewSelection(): void {
  if (!review.value) return
  if (selectedCount.value === 0) setReview(null)
  else void showSelection('Review')
}

/** The photos in the grid that were thrown out. */
export const outMask = (): Uint8Array =>
  maskOf(
    (review.value?.ids ?? []).filter((id) => !selected.value[id]),
    count.value,
  )

/** Whether photos were thrown out of which labels can be wrong. */
export const canBeWrong = (): boolean => sortsOut.value && thrownOut.value > 0

/** Whether the photos in the grid are kept or thrown out. */
export const sortsOut = computed(() => ['selection', 'similar', 'search'].includes(review.value?.kind ?? ''))

/** From here on labels are for the photos that were thrown out, or again for those that are kept. */
export function toggleTarget(): void {
  const wrong = target.value === 'kept'
  setTarget(wrong ? 'out' : 'kept')
  announce(wrong ? `Labels are for the ${photosText(thrownOut.value)} thrown out` : 'Labels are for the photos kept')
}

/** Takes the photos that were thrown out from the grid, once their labels are right. */
export function withoutThrownOut(): void {
  const open = review.value
  if (!open) return
  const ids = open.ids.filter((id) => selected.value[id])
  const place = Math.max(0, Math.min(ids.length - 1, at.value))
  setReview(ids.length > 0 ? { ...open, ids } : null)
  moveTo(place)
}

/** With `others`, these become what `id` becomes. */
export function toggleKept(id: number, others: readonly number[] = []): void {
  const kept = !selected.value[id]
  replaceSelection(turned(selected.value, [id, ...others], kept), kept ? 'review' : undefined)
  announce(kept ? 'kept' : 'thrown out')
  if (thrownOut.value === 0) setTarget('kept')
}

export function keepAll(on: boolean): void {
  if (review.value) replaceSelection(turned(selected.value, review.value.ids, on), on ? 'review' : undefined)
  if (thrownOut.value === 0) setTarget('kept')
}

export function sortReview(order: Order): Promise<boolean> {
  return attempt(async () => {
    const open = review.value
    if (!open) return
    preferred = order
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
      const ranked = await api.similar(selected.value, layer.value, projection.value, MOST_FOUND)
      showFound('similar', 'Most similar', ranked.ids, examples)
      announce(`The ${Math.min(nearest.value, found.length)} most similar photos`)
    } finally {
      setSearching(false)
    }
  }, 'Could not search: ')
}

/** Shows the best of the photos that were found, after the `examples` that were searched with. */
export function showFound(kind: 'similar' | 'search', title: string, ids: Int32Array, examples: number[] = []): void {
  found = Array.from(ids)
  showBest(kind, title, examples)
}

/** Shows `k` of the photos that were found. */
export function showNearest(k: number): void {
  const open = review.value
  setNearest(k)
  if (open?.kind === 'similar' || open?.kind === 'search') showBest(open.kind, open.title, [...open.from])
}

/** What was thrown out stays out, what is new comes in kept. */
function showBest(kind: 'similar' | 'search', title: string, examples: number[]): void {
  const open = review.value
  const before = open?.kind === kind && open.title === title ? open.ids : []
  const ids = [...examples, ...found.slice(0, nearest.value)]
  const mask = maskOf(ids, count.value)
  for (const id of before) if (mask[id] && !selected.value[id]) mask[id] = 0
  replaceSelection(mask, kind)
  setReview({ kind, title, ids, from: new Set(examples), order: 'as-is' })
}

export const foundCount = (): number => found.length
