// What is known of a model's accuracy, as text. A share that was not checked on random photos is never called right.

import type { Report } from '../server/types'
import { number, percent, photos } from './format'

/** (0.62, 0.79) → "between 62 and 79 %" */
export const between = (low: number, high: number): string =>
  `between ${percent(low).replace(' %', '')} and ${percent(high)}`

/** What the accuracy is about and where it comes from. */
export const aboutOf = ({ unlabelled, checked }: Report): string =>
  `on the ${photos(unlabelled)} that no person has labelled or checked, from ${number(checked)} checked at random`

/** What the number is a share of, after it: "71 % right of those that you could tell". */
export const rightOf = ({ unsure }: Report): string => (unsure > 0 ? 'right of those that you could tell' : 'right')

/** What the photos that the accuracy leaves out could change; '' if there are none. */
export function unsureText({ unsure, low_of_all: low, high_of_all: high }: Report): string {
  if (unsure === 0 || low === null || high === null) return ''
  return `You were unsure of ${number(unsure)} more: counted as wrong the number would be ${percent(low)}, counted as right ${percent(high)}.`
}

/** Whether the number is that of a check that goes on; '' once no photo waits. */
export const waitingText = (waits: number): string =>
  waits === 0
    ? ''
    : `The check is not finished: ${photos(waits)} ${waits === 1 ? 'waits' : 'wait'}. Answers count 30 at a time.`

/** For a message: the accuracy, or that it is not known. */
export function accuracyText(of: Report | null): string {
  if (of?.accuracy == null) return 'how often it is right is not checked yet'
  const unsure = of.unsure > 0 ? `, ${number(of.unsure)} more unsure` : ''
  return `${percent(of.accuracy)} ${rightOf(of)}, from ${number(of.checked)} checked at random${unsure}`
}

/** What to label next, and why, beside what the report says; `none` checked photos show none of the labels. */
export function labelText(what: 'none' | 'unsure' | 'more' | null, none: number): string {
  if (what === 'none')
    return `${photos(none)} of the check ${none === 1 ? 'shows' : 'show'} none of your labels, so the model cannot be right about such photos. Give them a label (“other” is one, too), and train again.`
  return what === 'more' ? 'It is probably wrong about most photos. Label more of them, and train again.' : ''
}

/** What the accuracy means, for people who do not work with intervals. */
export function meaning({ accuracy, low, high, unsure }: Report): string {
  if (accuracy === null || low === null || high === null) return ''
  const [least, about, most] = [low, accuracy, high].map((share) => percent(share).replace(' %', ''))
  const tell = unsure > 0 ? ' and that you can tell' : ''
  return `Of 100 photos that nobody has labelled${tell}, it gets ${least} to ${most} right, most likely about ${about}. 95 of 100 such ranges hold the true number.`
}
