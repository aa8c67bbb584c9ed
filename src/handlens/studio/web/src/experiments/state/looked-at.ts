// Which runs are looked at, in which order, and which of them are selected.

import { computed } from '@preact/signals'
import { arranged, sorted } from '../runs/order'
import type { Sorting } from './address'
import { type Condition, meeting } from './filter'
import { adjust, go, place } from './place'
import { runs, study } from './study'
import { type Column, find } from './table'

// Parts of the address of their own: what is computed from them stays when other parts change.
const where = computed(() => place.value.where)
const showsHidden = computed(() => place.value.hidden)

/** The places of the runs that meet all conditions, as recorded. */
export const met = computed(() => meeting(runs.value, where.value, showsHidden.value))

/** Their numbers. */
export const metIds = computed(() => met.value.map((at) => runs.value.ids[at]!))

/** The same as the table shows them. */
export const ordered = computed(() => sorted(runs.value, met.value, place.value.sort))

/** All columns of the table; the study's own number once, as the value of a run. */
export const allColumns = computed(() => arranged(runs.value.columns).filter((one) => !isTheValue(one)))

export const isTheValue = ({ name, role }: Pick<Column, 'name' | 'role'>): boolean =>
  role === 'number' && name === study.value?.metric

/** Those that are shown. */
export const shownColumns = computed(() => allColumns.value.filter(({ name }) => !place.value.without.includes(name)))

/** Those of the address that there are: others may have been deleted. */
export const selected = computed(() => new Set(place.value.selected.filter((id) => runs.value.places.has(id))))

/** How many runs are hidden, whether or not they are shown at the moment. */
export const hiddenCount = computed(
  () => find(runs.value, 'hidden')?.values.filter((value) => value === true).length ?? 0,
)

/** The number that the pivot sums up. */
export const pivotValue = computed(() => place.value.value ?? 'value')

/** What the number is called: the value of a run is the study's metric. */
export const calledAs = (number: string): string => (number === 'value' ? (study.value?.metric ?? number) : number)

export const select = (ids: readonly number[]): void => adjust({ selected: ids })

export function toggleSelected(id: number): void {
  select(selected.value.has(id) ? place.value.selected.filter((one) => one !== id) : [...place.value.selected, id])
}

export const openRun = (id: number): void => go({ run: id })
export const closeRun = (): void => go({ run: null })

export const sortBy = (sort: Sorting | null): void => adjust({ sort })

export const setConditions = (where: readonly Condition[]): void => go({ where })

/** Adds conditions in the place of those on the same columns. */
export function narrow(conditions: readonly Condition[]): Condition[] {
  const columns = new Set(conditions.map(({ column }) => column))
  return [...place.value.where.filter(({ column }) => !columns.has(column)), ...conditions]
}

/** The run after or before the open one, as the table shows them. */
export function stepRun(by: 1 | -1): void {
  const ids = ordered.value.map((at) => runs.value.ids[at]!)
  const next = ids[ids.indexOf(place.value.run ?? -1) + by]
  if (next !== undefined) adjust({ run: next })
}
