// The calls about auditing, typed.

import { json, request } from '../api'
import { api } from '../state'

/** An attached CSV; of what did not match, the first lines and photos are listed. */
export interface Attributes {
  name: string
  /** the column that names the photos */
  column: string
  /** the others, by which the report can be split */
  columns: string[]
  rows: number
  matched: number
  unmatched: number
  unmatched_lines: { line: number; value: string; reason: string }[]
  without: number
  without_paths: string[]
}

/** One group's accuracy with its interval; null where it is undefined. */
export interface Group {
  by: string
  group: string
  n: number
  value: number | null
  low: number | null
  high: number | null
  worst: boolean
  best: boolean
  small: boolean
  undefined: string
}

export interface Split {
  groups: Group[]
  sentences: string[]
  small: number
}

export interface Section {
  title: string
  questions: { key: string; question: string; answer: string }[]
}

export interface Sheet {
  sections: Section[]
  notes: string
}

export interface FactTable {
  heading: string[]
  rows: string[][]
}

/** A prediction before a person. */
export interface Case {
  id: number
  photo: number
  predicted: string
  probabilities: Record<string, number>
  why: string[]
  contested: boolean
  status: 'waiting' | 'confirmed' | 'overruled'
  label: string | null
  by: string | null
  reason: string | null
}

export interface Near {
  photo: number
  label: string
  distance: number
}

const at = (path: string): string => `${api.base}/${path}`

export const attributes = (): Promise<Attributes | null> => json('GET', at('attributes'))
export const attach = (file: File): Promise<Attributes> =>
  json('PUT', at(`attributes?${new URLSearchParams({ name: file.name })}`), new Blob([file]))
export const detach = (): Promise<Response> => request('DELETE', at('attributes'))
export const subgroups = (by: string[]): Promise<Split> =>
  json('GET', at(`subgroups?${new URLSearchParams(by.map((column) => ['by', column]))}`))

export const datasheet = (): Promise<Sheet> => json('GET', at('datasheet'))
export const facts = (): Promise<FactTable[]> => json('GET', at('datasheet/facts'))
export const answer = async (key: string, text: string): Promise<void> => {
  await request('PUT', at(`datasheet/${encodeURIComponent(key)}`), { text })
}
/** For when the page is going away: the browser finishes the request without it. */
export function answerOnLeaving(key: string, text: string): void {
  void fetch(at(`datasheet/${encodeURIComponent(key)}`), {
    method: 'PUT',
    body: JSON.stringify({ text }),
    headers: { 'Content-Type': 'application/json' },
    keepalive: true,
  }).catch(() => undefined)
}

export const waiting = (below: number): Promise<Case[]> => json('POST', at('review'), { below })
export const nearest = (id: number): Promise<Near[]> => json('GET', at(`review/${id}/nearest`))
export const confirm = (id: number, by: string, reason: string): Promise<Case> =>
  json('POST', at(`review/${id}/confirm`), { by, reason })
export const overrule = (id: number, label: string, by: string, reason: string): Promise<Case> =>
  json('POST', at(`review/${id}/overrule`), { label, by, reason })
export const takeBack = (id: number, by: string): Promise<Case> => json('POST', at(`review/${id}/take-back`), { by })
export const contest = (photo: number, by: string, why: string): Promise<Case> =>
  json('POST', at('contest'), { photo, by, why })
