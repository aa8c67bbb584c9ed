// A condition while it is being written: what is in the fields, and the conditions that it makes.

import type { Condition } from '../state/filter'
import type { Json } from '../state/table'

export interface Draft {
  least: string
  most: string
  text: string
  values: readonly Json[]
}

/** The fields that these conditions on one column fill. */
export function rangeFrom(conditions: readonly Condition[]): Draft {
  const draft: Draft = { least: '', most: '', text: '', values: [] }
  for (const one of conditions) {
    if (one.is === 'least' || one.is === 'most') draft[one.is] = String(one.value)
    else if (one.is === 'like') draft.text = one.text
    else if (one.is === 'in') draft.values = one.values
  }
  return draft
}

/** The conditions that the fields make, none if they are empty; or a sentence on what is wrong. */
export function conditionsFrom(column: string, { least, most, text, values }: Draft): Condition[] | string {
  const conditions: Condition[] = []
  for (const [is, written] of [
    ['least', least],
    ['most', most],
  ] as const) {
    if (written.trim() === '') continue
    const value = Number(written.replace('−', '-').replace(',', '.'))
    if (!Number.isFinite(value)) return `“${written}” is not a number.`
    conditions.push({ column, is, value })
  }
  if (text.trim() !== '') conditions.push({ column, is: 'like', text: text.trim() })
  if (values.length > 0) conditions.push({ column, is: 'in', values })
  return conditions
}
