// Photos that are in the collection more than once: the search for them, and their groups in the review grid.

import { computed, effect, untracked } from '@preact/signals'
import type { DuplicateSearch } from '../server/types'
import { photos as photosText } from '../text/format'
import { api, collection, count, replaceCollection } from './collection'
import { assignTo, change, labelOf } from './labels'
import { maskOf, turned } from './masks'
import { attempt, say } from './messages'
import { owned } from './owned'
import { at, closeReview, moveTo, review, setReview } from './review'
import { emptySelection, replaceSelection, selected } from './selection'

/** What a photo is in its group. */
export const KINDS = ['first', 'same pixels', 'nearly the same'] as const

interface Groups {
  /** group by group, the first of each group first */
  ids: readonly number[]
  groupOf: ReadonlyMap<number, number>
  kindOf: ReadonlyMap<number, number>
  /** by the number of the group */
  members: readonly (readonly number[])[]
}

const [groups, setGroups] = owned<Groups | null>(null)

export { groups }

export const search = computed(() => collection.value?.duplicates ?? null)
const isOpen = (): boolean => review.value?.kind === 'duplicates'

const open = (ids: readonly number[]): void =>
  setReview({ kind: 'duplicates', title: 'Duplicates', ids: [...ids], from: new Set(), order: 'as-is' })

/** Shows the groups, or searches for them first. */
export const showDuplicates = (): Promise<boolean> =>
  attempt(async () => {
    setGroups(null)
    emptySelection()
    if (search.value?.groups == null) {
      // First what the server says now: how an earlier search ended is of no interest.
      replaceCollection(await api.searchDuplicates())
      open([])
    } else await showGroups()
  }, 'Could not search for duplicates: ')

export const cancelSearch = (): Promise<boolean> =>
  attempt(async () => {
    closeReview()
    replaceCollection(await api.cancelDuplicates())
  })

async function showGroups(): Promise<void> {
  const { ids, groups: numbers, kinds } = await api.duplicates()
  if (ids.length === 0) {
    closeReview()
    say('No photo is in the collection twice.')
    return
  }
  const members: number[][] = []
  for (const [i, id] of ids.entries()) {
    const group = numbers[i]!
    members[group] = [...(members[group] ?? []), id]
  }
  setGroups({
    ids: Array.from(ids),
    groupOf: new Map(Array.from(ids, (id, i) => [id, numbers[i]!])),
    kindOf: new Map(Array.from(ids, (id, i) => [id, kinds[i]!])),
    members,
  })
  open(Array.from(ids))
}

// The search ends while its progress is looked at.
effect(() => {
  const now = search.value
  if (!isOpen() || groups.value !== null || !now || now.running) return
  untracked(() => searched(now))
})

function searched(now: DuplicateSearch): void {
  if (now.groups !== null) void attempt(showGroups, 'Could not show the duplicates: ')
  else if (now.phase === 'failed') {
    closeReview()
    say(`Could not search for duplicates: ${now.error}`, 'error')
  } else if (now.phase === 'cancelled') closeReview()
}

const NONE = 'none of your labels'

/** The labels in a group, each once; what a check said of a photo that shows none of them counts as one. */
const labelsIn = (members: readonly number[]): string[] => {
  const none = new Set(collection.value?.spot_check?.none_of_these)
  const name = (id: number): string | null => labelOf(id) ?? (none.has(id) ? NONE : null)
  return [...new Set(members.map(name).filter((name) => name !== null))]
}

/** "3 photos · car, 1 without a label" by the place of the first photo of each group. */
export const headings = computed<ReadonlyMap<number, string>>(() => {
  const found = new Map<number, string>()
  let place = 0
  for (const members of groups.value?.members ?? []) {
    const names = labelsIn(members)
    const bare = members.filter((id) => labelOf(id) === null).length
    const text =
      names.length === 0
        ? 'no label'
        : names.length > 1
          ? `different labels: ${names.join(', ')}`
          : bare > 0
            ? `${names[0]}, ${bare} without a label`
            : names[0]
    found.set(place, `${photosText(members.length)} · ${text}`)
    place += members.length
  }
  return found
})

/** Photos without a label in groups with exactly one. */
export const toLabelAlike = computed(() =>
  (groups.value?.members ?? []).flatMap((members) => {
    const names = labelsIn(members)
    return names.length === 1 && names[0] !== NONE ? members.filter((id) => labelOf(id) === null) : []
  }),
)

const activeGroup = (): readonly number[] => {
  const id = review.value?.ids[at.value]
  return id === undefined ? [] : (groups.value?.members[groups.value.groupOf.get(id)!] ?? [])
}

export function pickPhotos(id: number, others: readonly number[]): void {
  const on = !selected.value[id]
  replaceSelection(turned(selected.value, [id, ...others], on), on ? 'duplicates' : undefined)
}

/** Picks the group that the arrow keys are in, or nothing of it if it is picked. */
export function pickGroup(): void {
  const members = activeGroup()
  const on = members.some((id) => !selected.value[id])
  replaceSelection(turned(selected.value, members, on), on ? 'duplicates' : undefined)
}

/** Picks all but the first of each group. */
export function pickCopies(): void {
  const { ids, kindOf } = groups.value!
  replaceSelection(
    maskOf(
      ids.filter((id) => kindOf.get(id) !== 0),
      count.value,
    ),
    'duplicates',
  )
}

/** Labels the photos picked, or the group that the arrow keys are in, and goes on to the next group. */
export async function labelGroup(name: string): Promise<void> {
  const ids = review.value?.ids ?? []
  const picked = ids.filter((id) => selected.value[id])
  const members = picked.length > 0 ? picked : activeGroup()
  if (members.length === 0) return
  await assignTo(maskOf(members, count.value), name, 'duplicates', () => {
    emptySelection()
    const last = activeGroup().at(-1)
    if (picked.length === 0 && last !== undefined) moveTo(Math.min(ids.length - 1, ids.indexOf(last) + 1))
  })
}

export const labelAlike = (): Promise<boolean> =>
  change(() => api.labelDuplicates(), 'Duplicates labelled like their group')
