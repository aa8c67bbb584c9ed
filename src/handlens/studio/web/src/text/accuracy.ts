// What is known of a model's accuracy, as text. A share that was not checked on random photos is never called right.

import type { Report } from '../server/types'
import { number, percent, photos } from './format'

/** (0.62, 0.79) → "between 62 and 79 %" */
export const between = (low: number, high: number): string =>
  `between ${percent(low).replace(' %', '')} and ${percent(high)}`

/** What the accuracy is about and where it comes from. */
export const aboutOf = ({ unlabelled, checked }: Report): string =>
  `on the ${photos(unlabelled)} that nobody has labelled, from ${number(checked)} checked at random`

/** For a message: the accuracy, or that it is not known. */
export function accuracyText(of: Report | null): string {
  if (of?.accuracy == null) return 'how often it is right is not checked yet'
  return `${percent(of.accuracy)} right, from ${number(of.checked)} checked at random`
}

/** What the accuracy means, for people who do not work with intervals. */
export function meaning({ accuracy, low, high }: Report): string {
  if (accuracy === null || low === null || high === null) return ''
  const [least, about, most] = [low, accuracy, high].map((share) => percent(share).replace(' %', ''))
  return `Of 100 photos that nobody has labelled, it gets ${least} to ${most} right, most likely about ${about}. 95 of 100 such ranges hold the true number.`
}
