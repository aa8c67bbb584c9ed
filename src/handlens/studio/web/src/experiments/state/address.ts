// What the page shows, as its address says it, so that it can be shared and Back works. Defaults are left out.

import { type Condition, read, written } from './filter'
import type { Json } from './table'

export const VIEWS = ['runs', 'pivot', 'compare', 'parallel'] as const
export type View = (typeof VIEWS)[number]

export const AGGREGATES = ['mean', 'median', 'best', 'sd', 'count'] as const
export type Aggregate = (typeof AGGREGATES)[number]

const BYS = ['combinations', 'runs'] as const
export type By = (typeof BYS)[number]

export interface Sorting {
  column: string
  descending: boolean
}

export interface Address {
  /** null: the list of studies */
  study: string | null
  view: View
  /** the run whose details are open */
  run: number | null
  /** which runs are looked at, in all views */
  where: readonly Condition[]
  /** whether runs that were hidden are looked at too */
  hidden: boolean
  sort: Sorting | null
  /** columns that the table leaves out */
  without: readonly string[]
  selected: readonly number[]
  rows: readonly string[]
  columns: readonly string[]
  /** the number that the pivot sums up; null: that of the study */
  value: string | null
  aggregate: Aggregate
  /** the choices of the cell that the others are compared with */
  baseline: { readonly [choice: string]: Json } | null
  /** the numbers of the small graphs; none: the losses */
  graph: readonly string[]
  /** of the parallel coordinates, from the left; others follow */
  axes: readonly string[]
  /** axes, and curves, that have the other scale than at first */
  scales: readonly string[]
  /** what is compared; null: combinations, if runs of several are selected */
  by: By | null
  /** what the others are compared with: the number of a combination, or of a run; null: the first */
  against: number | null
}

/** Columns that few people look at. */
export const LEFT_OUT: readonly string[] = ['phase', 'split', 'ended', 'machine', 'commit']
/** More runs than this are not listed in the address. */
const MOST_LISTED = 100

export const AT_FIRST: Address = {
  study: null,
  view: 'runs',
  run: null,
  where: [],
  hidden: false,
  sort: null,
  without: LEFT_OUT,
  selected: [],
  rows: [],
  columns: [],
  value: null,
  aggregate: 'mean',
  baseline: null,
  graph: [],
  axes: [],
  scales: [],
  by: null,
  against: null,
}

const ROOT = '/experiments'

/** Whether this page is meant. */
export const isHere = (path: string): boolean => path === ROOT || path.startsWith(`${ROOT}/`)

/** Reads `/experiments/STUDY/VIEW?…`; what makes no sense becomes the default. */
export function readAddress(path: string, search: string): Address {
  const [study, view] = path.slice(ROOT.length + 1).split('/')
  const query = new URLSearchParams(search)
  const sort = query.get('sort')
  return {
    study: study ? decoded(study) : null,
    view: VIEWS.find((one) => one === view) ?? AT_FIRST.view,
    run: whole(query.get('run')),
    where: query.getAll('where').flatMap((text) => read(text) ?? []),
    hidden: query.get('hidden') === 'shown',
    sort: sort ? { column: sort.replace(/^-/, ''), descending: sort.startsWith('-') } : null,
    without: query.has('without') ? query.getAll('without').filter(Boolean) : LEFT_OUT,
    selected: (query.get('selected') ?? '').split(',').flatMap((text) => whole(text) ?? []),
    rows: query.getAll('row'),
    columns: query.getAll('column'),
    value: query.get('value'),
    aggregate: AGGREGATES.find((one) => one === query.get('aggregate')) ?? AT_FIRST.aggregate,
    baseline: object(query.get('baseline')),
    graph: query.getAll('graph'),
    axes: query.getAll('axis'),
    scales: query.getAll('scale'),
    by: BYS.find((one) => one === query.get('by')) ?? AT_FIRST.by,
    against: whole(query.get('against')),
  }
}

export function writeAddress(of: Address): string {
  if (of.study === null) return ROOT
  const query = new URLSearchParams()
  for (const name of of.rows) query.append('row', name)
  for (const name of of.columns) query.append('column', name)
  if (of.value !== null) query.append('value', of.value)
  if (of.aggregate !== AT_FIRST.aggregate) query.append('aggregate', of.aggregate)
  if (of.baseline) query.append('baseline', JSON.stringify(of.baseline))
  for (const name of of.graph) query.append('graph', name)
  for (const name of of.axes) query.append('axis', name)
  for (const name of of.scales) query.append('scale', name)
  if (of.by) query.append('by', of.by)
  if (of.against !== null) query.append('against', String(of.against))
  for (const condition of of.where) query.append('where', written(condition))
  if (of.hidden) query.append('hidden', 'shown')
  if (of.sort) query.append('sort', `${of.sort.descending ? '-' : ''}${of.sort.column}`)
  if (of.without.join('\n') !== LEFT_OUT.join('\n'))
    for (const name of of.without.length > 0 ? of.without : ['']) query.append('without', name)
  if (of.selected.length > 0 && of.selected.length <= MOST_LISTED) query.append('selected', of.selected.join())
  if (of.run !== null) query.append('run', String(of.run))
  const text = query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':')
  return `${ROOT}/${encodeURIComponent(of.study)}/${of.view}${text && `?${text}`}`
}

const whole = (text: string | null): number | null => (text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null)

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function object(text: string | null): Address['baseline'] {
  try {
    const value = JSON.parse(text ?? 'null') as Json
    const named = value !== null && typeof value === 'object' && !Array.isArray(value)
    return named ? (value as Address['baseline']) : null
  } catch {
    return null
  }
}
