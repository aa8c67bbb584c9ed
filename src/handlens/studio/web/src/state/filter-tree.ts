// Filters as trees, as the server knows them, and as the bar of the page shows them: a row of conditions, of which all or
// any hold, each of them turned round or not. What the bar cannot take apart is one condition of it, a group.

import type { Filter } from '../server/types'
import { percent } from '../text/format'

export interface Item {
  not: boolean
  of: Filter
}
export interface Bar {
  match: 'all' | 'any'
  items: Item[]
}

export type Condition = Extract<Filter, { field: string }>
export type Field = Condition['field']

export const FIELDS: Record<Field, string> = {
  label: 'Label',
  predicted: 'Predicted label',
  sureness: 'Sureness',
  disagreement: 'Disagreement',
  origin: 'Origin',
  labelled: 'Time of labelling',
  column: 'Column of the CSV',
  duplicate: 'Duplicates',
  left_out: 'Left out',
}

export const ORIGINS: Record<Extract<Filter, { field: 'origin' }>['names'][number], string> = {
  'by hand': 'by hand',
  suggested: 'suggested, confirmed',
  checked: 'checked',
  certified: 'certified',
  imported: 'imported',
  lasso: 'lasso',
  box: 'box',
  click: 'click',
  similar: 'find similar',
  search: 'search by words',
  duplicates: 'duplicates',
  review: 'review',
  check: 'spot check',
  import: 'import',
  finish: 'finish',
  call: 'Python',
  unknown: 'not known',
}

export const KINDS = ['first', 'exact', 'near'] as const

/** A condition of a field as it is when it was just added: some have to be completed. */
export function fresh(field: Field, column = ''): Condition {
  switch (field) {
    case 'sureness':
      return { field, below: 0.8 }
    case 'column':
      return { field, column, values: [] }
    case 'duplicate':
      return { field, kinds: [...KINDS] }
    case 'labelled':
    case 'disagreement':
    case 'left_out':
      return { field }
    default:
      return { field, names: [] }
  }
}

/** Whether enough is chosen for the server to know what is meant. */
export function isComplete(of: Filter): boolean {
  if (!('field' in of)) return true
  switch (of.field) {
    case 'label':
    case 'predicted':
    case 'origin':
      return of.names.length > 0
    case 'sureness':
      return ranged(of.at_least, of.below)
    case 'labelled':
      return ranged(of.since && Date.parse(of.since), of.before && Date.parse(of.before))
    case 'column':
      return of.values ? of.values.length > 0 : ranged(of.at_least, of.below)
    case 'duplicate':
      return (of.kinds?.length ?? 0) > 0
    default:
      return true
  }
}

type Bound = number | '' | null | undefined

function ranged(low: Bound, high: Bound): boolean {
  const [from, to] = [low ?? '', high ?? '']
  return from === '' || to === '' ? from !== to : from < to
}

/** The filter that a bar stands for; null while none of its conditions is complete. */
export function treeOf({ match, items }: Bar): Filter | null {
  const inner = items.filter(({ of }) => isComplete(of)).map(({ not, of }) => (not ? { not: of } : of))
  if (inner.length < 2) return inner[0] ?? null
  return match === 'all' ? { all: inner } : { any: inner }
}

export function barOf(tree: Filter): Bar {
  if ('all' in tree) return { match: 'all', items: tree.all.map(itemOf) }
  if ('any' in tree) return { match: 'any', items: tree.any.map(itemOf) }
  return { match: 'all', items: [itemOf(tree)] }
}

const itemOf = (tree: Filter): Item => ('not' in tree ? { not: true, of: tree.not } : { not: false, of: tree })

/** The bar with each label's name replaced. */
export const withLabels = (bar: Bar, rename: (name: string) => string): Bar => ({
  ...bar,
  items: bar.items.map((item) => ({ ...item, of: renamed(item.of, rename) })),
})

function renamed(of: Filter, rename: (name: string) => string): Filter {
  if ('all' in of) return { all: of.all.map((inner) => renamed(inner, rename)) }
  if ('any' in of) return { any: of.any.map((inner) => renamed(inner, rename)) }
  if ('not' in of) return { not: renamed(of.not, rename) }
  if (of.field !== 'label' && of.field !== 'predicted') return of
  return { ...of, names: [...new Set(of.names.map((name) => (name === null ? null : rename(name))))] }
}

// --- in words ---

const either = (names: readonly string[], most = 2): string =>
  names.length <= most ? names.join(' or ') : `${names.slice(0, most).join(', ')} or ${names.length - most} more`

/** What a condition is about, and what it asks for, as its chip shows them. */
export function wordsOf(of: Filter): [about: string, asked: string] {
  if (!('field' in of)) return ['Group', textOf(of)]
  const about = of.field === 'column' ? of.column || FIELDS.column : FIELDS[of.field]
  if (!isComplete(of)) return [about, 'choose…']
  switch (of.field) {
    case 'label':
    case 'predicted':
      return [about, either(of.names.map((name) => name ?? 'none'))]
    case 'sureness':
      return [about, rangeText(of.at_least, of.below, percent)]
    case 'disagreement':
      return [about, 'label and prediction differ']
    case 'origin':
      return [about, either(of.names.map((name) => ORIGINS[name]))]
    case 'labelled':
      return [about, rangeText(of.since, of.before, timeText)]
    case 'column':
      return [
        about,
        of.values
          ? either(of.values.map((value) => (value === null ? 'no value' : String(value))))
          : rangeText(of.at_least, of.below, String),
      ]
    case 'duplicate':
      return [about, of.kinds?.length === KINDS.length ? 'any' : either(of.kinds ?? [])]
    default:
      return [about, 'cannot be used']
  }
}

function rangeText<T>(low: T | null | undefined, high: T | null | undefined, text: (value: T) => string): string {
  const from = low == null ? '' : `from ${text(low)}`
  const to = high == null ? '' : `below ${text(high)}`
  return [from, to].filter(Boolean).join(', ')
}

const timeText = (at: string): string => new Date(at).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })

/** A whole filter in one line. */
export function textOf(tree: Filter): string {
  if ('all' in tree) return tree.all.map(inside).join(' and ')
  if ('any' in tree) return tree.any.map(inside).join(' or ')
  if ('not' in tree) return `not ${inside(tree.not)}`
  const [about, asked] = wordsOf(tree)
  return `${about}: ${asked}`
}

const inside = (tree: Filter): string => ('all' in tree || 'any' in tree ? `(${textOf(tree)})` : textOf(tree))
