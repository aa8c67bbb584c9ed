// The filter that is on: its bar, the photos that it means, and the filters that were saved. It is asked again when
// labels or predictions change. The map shows the photos that it means, and those under review, which stay meanwhile.

import { computed, effect, untracked } from '@preact/signals'
import { ApiError } from '../server/http'
import type { Filter, SavedFilter } from '../server/types'
import { photos as photosText } from '../text/format'
import { api, collection, connected, count } from './collection'
import { file } from './columns'
import { type Bar, barOf, type Field, fresh, type Item, treeOf, withLabels } from './filter-tree'
import { labels } from './labels'
import { combine, countOf, maskOf } from './masks'
import { announce, attempt, sentenceOf } from './messages'
import { predictions } from './model'
import { owned } from './owned'
import { openReview, review } from './review'
import { select } from './selecting'
import { replaceSelection, selected } from './selection'
import { bar, setBar, setPassing } from './view'

/** The photos that the filter means, as the server last said; null without a filter, or where it cannot be applied. */
const [found, setFound] = owned<Uint8Array | null>(null)
/** Why the filter cannot be applied. */
const [problem, setProblem] = owned<string | null>(null)
/** The index of the condition that is being edited, -1 for none. */
const [editing, setEditing] = owned(-1)
const [saved, setSaved] = owned<readonly SavedFilter[]>([])

export { editing, found, problem, saved, setEditing as edit }

/** The filter that is on, null for none. */
export const filter = computed<Filter | null>(() => (bar.value ? treeOf(bar.value) : null))
export const foundCount = computed(() => (found.value ? countOf(found.value) : null))

// --- the bar ---

/** Opens the bar, goes to the one that is open, or closes an empty one. */
export function toggleBar(): void {
  if (bar.value === null) setBar({ match: 'all', items: [] })
  else if (bar.value.items.length === 0) clearFilter()
  else document.getElementById('add-condition')?.focus()
}

export function clearFilter(): void {
  setEditing(-1)
  setBar(null)
  announce('No filter')
}

const change = (to: Partial<Bar>): void => setBar({ match: 'all', items: [], ...bar.value, ...to })

export const matchBy = (match: Bar['match']): void => change({ match })

export function addCondition(field: Field, column?: string): void {
  change({ items: [...(bar.value?.items ?? []), { not: false, of: fresh(field, column) }] })
  setEditing(bar.value!.items.length - 1)
}

export const changeItem = (at: number, to: Partial<Item>): void =>
  change({ items: bar.value!.items.map((item, i) => (i === at ? { ...item, ...to } : item)) })

export function removeItem(at: number): void {
  setEditing(-1)
  change({ items: bar.value!.items.filter((_, i) => i !== at) })
}

/** Selects the photos of the filter, shown or not, and opens the review with them. */
export async function reviewFound(): Promise<void> {
  if (!found.value) return
  select(found.value, 'replace', 'review')
  await openReview('Filter')
}

// --- asking the server ---

let asked = 0

async function ask(tree: Filter | null, byPerson: boolean): Promise<void> {
  const turn = ++asked
  if (!tree) {
    setFound(null)
    setProblem(null)
    return
  }
  try {
    const mask = await api.filter(tree, count.value)
    if (turn !== asked) return
    setFound(mask)
    setProblem(null)
    if (!byPerson) return
    // What is labelled next is what is seen: photos that are no longer shown are not selected either.
    if (selected.value.some((on, id) => on && !mask[id])) {
      replaceSelection(selected.value.map((on, id) => on & mask[id]!))
    }
    announce(`${photosText(countOf(mask))} match`)
  } catch (error) {
    if (turn !== asked) return
    if (!(error instanceof ApiError && error.status === 0)) setFound(null)
    setProblem(sentenceOf(error))
  }
}

let askedFor = 'null'
let pause: ReturnType<typeof setTimeout> | undefined
/** Milliseconds after a change of labels until the filter is asked again: several often come one after another. */
const PAUSE = 300

effect(() => {
  const tree = filter.value
  const state = collection.value
  if (!state) return
  // All that the answer depends on beside the filter itself.
  void [labels.value.version, predictions.value?.version, state.left_out, state.maps_version, connected.value]
  void [state.duplicates?.groups, file.value]
  const text = JSON.stringify(tree)
  clearTimeout(pause)
  if (text !== askedFor) {
    askedFor = text
    untracked(() => void ask(tree, true))
  } else if (tree) {
    pause = setTimeout(() => void ask(tree, false), PAUSE)
  }
})

/** Asks again, after something that the page does not hear of, such as a CSV that was attached elsewhere. */
export const askAgain = (): Promise<void> => ask(filter.value, false)

// Photos under review stay on the map until the review is closed.
effect(() => {
  const mask = found.value
  const open = review.value
  setPassing(mask && open ? combine(mask, maskOf(open.ids, mask.length), 'add') : mask)
})

// A filter follows the labels that it names when they are renamed.
let names = new Map<number, string>()
effect(() => {
  const now = new Map(labels.value.names.map((l) => [l.colour, l.name]))
  const to = new Map<string, string>()
  for (const [colour, name] of names) {
    const other = now.get(colour)
    if (other !== undefined && other !== name) to.set(name, other)
  }
  names = now
  const before = bar.peek()
  if (to.size > 0 && before) setBar(withLabels(before, (name) => to.get(name) ?? name))
})

// --- saved filters ---

export const loadSaved = (): Promise<boolean> => attempt(async () => setSaved(await api.savedFilters()))

export const saveFilter = (name: string): Promise<boolean> =>
  attempt(async () => {
    if (!filter.value) return
    await api.saveFilter(name, filter.value)
    setSaved(await api.savedFilters())
    announce(`Filter saved as ${name}`)
  }, 'Not saved: ')

export const deleteSaved = (name: string): Promise<boolean> =>
  attempt(async () => {
    await api.deleteFilter(name)
    setSaved(await api.savedFilters())
    announce(`Filter ${name} deleted`)
  }, 'Not deleted: ')

export function useSaved({ filter: tree }: SavedFilter): void {
  setEditing(-1)
  setBar(barOf(tree))
}
