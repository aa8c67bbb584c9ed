// What an import would do, and what it did, in words.

import type { ImportPlan } from '../server/types'
import { number, photos, plural } from './format'

/** What is done with labels: photos get them, or they are kept aside. */
export interface Way {
  replace: boolean
  asTruth: boolean
}

/** "label_column" → "Label column" */
export const choiceName = (key: string): string => (key.charAt(0).toUpperCase() + key.slice(1)).replaceAll('_', ' ')

const labels = (n: number): string => plural(n, 'label')

/** How many labels an import would give, or keep aside. */
export const importedCount = ({ counts }: ImportPlan, { replace, asTruth }: Way): number =>
  asTruth ? counts.matched : counts.new + (replace ? counts.changes : 0)

export function actionText(plan: ImportPlan, way: Way): string {
  const n = importedCount(plan, way)
  return way.asTruth ? `Keep ${labels(n)} aside` : `Import ${labels(n)}`
}

/** Why there is nothing to import; null where there is something. */
export function nothingText(plan: ImportPlan, way: Way): string | null {
  const { matched, changes, same, conflicting } = plan.counts
  if (importedCount(plan, way) > 0) return null
  if (matched === 0 && conflicting > 0)
    return 'Nothing can be imported: each photo that is matched has several labels in the file. The reasons are below.'
  if (matched === 0) return 'No photo of this collection is matched, so nothing can be imported. The reasons are below.'
  if (changes > 0 && same > 0)
    return 'All matched photos have a label already, this one or another. Replace labels to change those that have another.'
  if (changes > 0) return 'All matched photos have another label already. Replace labels to change them.'
  return 'All matched photos have this label already.'
}

/** Counts with what they mean, without those that are 0; matched photos come first. */
export function countRows({ counts }: ImportPlan, { replace, asTruth }: Way): { n: number; text: string }[] {
  const { matched, new: fresh, changes, same, conflicting, unmatched } = counts
  const has = (n: number): string => (n === 1 ? 'has' : 'have')
  const photo = (n: number): string => (n === 1 ? 'photo' : 'photos')
  const rows = asTruth
    ? [{ n: matched, text: `${photo(matched)} matched, with one label in the file` }]
    : [
        { n: fresh, text: `${photo(fresh)} without a label until now` },
        {
          n: changes,
          text: `${photo(changes)} that ${has(changes)} another label, ${replace ? 'which is replaced' : 'which stays'}`,
        },
        { n: same, text: `${photo(same)} that ${has(same)} this label already` },
      ]
  return [
    ...rows,
    { n: conflicting, text: `${photo(conflicting)} with several labels in the file, left out` },
    { n: unmatched, text: `${unmatched === 1 ? 'place' : 'places'} in the file not used` },
  ].filter(({ n }) => n > 0)
}

/** A place in the file that is not simply used, and why. */
export interface Reason {
  where: string
  photo: string
  label: string
  reason: string
}

/** What is left out, changed or kept in another form, the most important first; `nameOf` gives a photo's name. */
export function reasons(plan: ImportPlan, { replace, asTruth }: Way, nameOf: (id: number) => string): Reason[] {
  const keeps = replace ? 'is replaced' : 'is kept'
  return [
    ...plan.conflicting.map((c) => ({
      where: c.where.join(', '),
      photo: nameOf(c.photo),
      label: c.labels.join(', '),
      reason: 'has several labels in the file, so none is used',
    })),
    ...plan.unmatched.map((u) => ({ where: u.where, photo: u.photo, label: u.label ?? '', reason: u.reason })),
    ...(asTruth
      ? []
      : plan.changes.map((c) => ({
          where: '',
          photo: nameOf(c.photo),
          label: c.label,
          reason: `has the label ${c.now}, which ${keeps}`,
        }))),
    // Forms that look the same, as an accent that is a character of its own, are of interest to programs only.
    ...plan.respelled
      .filter(({ before, after }) => before.normalize('NFC') !== after)
      .map(({ before, after }) => ({ where: '', photo: '', label: before, reason: `is kept as “${after}”` })),
  ]
}

/** How many reasons there are, of which the server sends the first of each kind. */
export const reasonCount = ({ counts }: ImportPlan, { asTruth }: Way): number =>
  counts.conflicting + counts.unmatched + (asTruth ? 0 : counts.changes)

/** What was done. */
export function doneText(done: ImportPlan, { asTruth }: Way): string {
  const n = done.imported ?? 0
  const { conflicting, unmatched } = done.counts
  const left = [
    conflicting > 0 ? `${photos(conflicting)} with several labels` : '',
    unmatched > 0 ? `${plural(unmatched, 'place')} that could not be used` : '',
  ].filter(Boolean)
  const out = left.length > 0 ? `; left out: ${left.join(' and ')}` : ''
  return asTruth
    ? `${labels(n)} from ${done.name} ${n === 1 ? 'is' : 'are'} kept aside${out}`
    : `${labels(n)} imported from ${done.name}${out}`
}

/** The names of a list, with how many more there are. */
export const named = (names: readonly string[], count: number): string =>
  names.join(', ') + (count > names.length ? ` and ${number(count - names.length)} more` : '')
