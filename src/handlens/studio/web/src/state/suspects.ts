// Labels that may be wrong, in the review grid: the model suggests another one, and was trained without them. One key
// keeps a label, one takes what is suggested. What is done stays in its place, so that nothing moves under the hand.

import { effect, untracked } from '@preact/signals'
import type { Suspects } from '../server/types'
import { percent, photos as photosText, plural } from '../text/format'
import { api, count } from './collection'
import { assignTo, change, guessed, labelOf, labels } from './labels'
import { maskOf } from './masks'
import { announce, attempt, say } from './messages'
import { predictions } from './model'
import { owned } from './owned'
import { at, closeReview, moveTo, review, setReview } from './review'
import { emptySelection, selected } from './selection'

export interface Suspect {
  given: string
  suggested: string
  /** of the label suggested, 0 to 1 */
  probability: number
}

interface Looked {
  version: string
  of: ReadonlyMap<number, Suspect>
}

const NOTHING: Looked = { version: '', of: new Map() }
/** What is doubted of each photo in the grid. */
const [suspects, setSuspects] = owned<Looked>(NOTHING)
/** The photos whose label is doubted still. */
const [left, setLeft] = owned<ReadonlySet<number>>(new Set())
/** Photos whose label is kept, while the server is told. */
const [keeping, setKeeping] = owned<ReadonlySet<number>>(new Set())

export { suspects }

const isOpen = (): boolean => review.value?.kind === 'suspects'

/** What was decided about a photo; null while nothing is. */
export function decision(id: number): string | null {
  const of = suspects.value.of.get(id)
  if (!of) return null
  const now = labelOf(id)
  if (now !== of.given) return now === null ? 'no label now' : `now ${now}`
  return left.value.has(id) && !keeping.value.has(id) ? null : 'kept'
}

export const leftCount = (): number => review.value?.ids.filter((id) => decision(id) === null).length ?? 0

/** "labelled car · looks like van, 97 %" */
export function doubtText(id: number): string {
  const of = suspects.value.of.get(id)
  if (!of) return ''
  return `labelled ${of.given} · ${decision(id) ?? `looks like ${of.suggested}, ${percent(of.probability)}`}`
}

function rowsOf(found: Suspects): Map<number, Suspect> {
  const name = (code: number): string => found.names[code] ?? ''
  return new Map(
    Array.from(found.ids, (id, i) => [
      id,
      {
        given: name(found.given[i]!),
        suggested: name(found.suggested[i]!),
        probability: found.suggested_probability[i]!,
      },
    ]),
  )
}

function show(found: Suspects): void {
  const ids = Array.from(found.ids)
  setSuspects({ version: found.version, of: rowsOf(found) })
  setLeft(new Set(ids))
  setKeeping(new Set())
  emptySelection()
  setReview({ kind: 'suspects', title: 'Labels that may be wrong', ids, from: new Set(), order: 'as-is' })
  announce(`Labels that may be wrong: ${photosText(ids.length)}`)
}

export const showSuspects = (): Promise<boolean> =>
  attempt(async () => {
    const found = await api.suspects()
    if (found.ids.length > 0) show(found)
    else if (found.judged > 0) say(`The model doubts none of the ${plural(found.judged, 'label')} that it could judge.`)
    else
      say(
        'No label can be judged yet: the photos of each label come from one gesture. Label some more, in several gestures, and train.',
      )
  }, 'Could not look for wrong labels: ')

/** Brings up to date what is doubted still; another model's doubts are shown from their beginning. */
async function refresh(): Promise<void> {
  const found = await api.suspects().catch(() => null) // the next change asks again
  if (!found || !isOpen()) return
  if (found.version === suspects.value.version) {
    setSuspects({ version: found.version, of: new Map([...suspects.value.of, ...rowsOf(found)]) })
    setLeft(new Set(found.ids))
  } else if (found.ids.length > 0) show(found)
  else closeReview()
}

let seen = ''
effect(() => {
  const now = `${labels.value.version} ${predictions.value?.version}`
  if (!isOpen()) seen = ''
  else if (seen === '') seen = now
  else if (seen !== now) {
    seen = now
    untracked(() => void refresh())
  }
})

/** The photos that a key is for: those picked, or the one that the arrow keys are on; none that is decided. */
function wanted(): number[] {
  const ids = review.value?.ids ?? []
  const picked = ids.filter((id) => selected.value[id] && decision(id) === null)
  const active = ids[at.value]
  if (picked.length > 0) return picked
  return active !== undefined && decision(active) === null ? [active] : []
}

/** To the next photo that is not decided. */
function goOn(): void {
  emptySelection()
  const ids = review.value?.ids ?? []
  const places = [...ids.keys()].filter((place) => decision(ids[place]!) === null)
  moveTo(places.find((place) => place >= at.value) ?? places[0] ?? at.value)
}

export async function keepLabels(): Promise<void> {
  const ids = wanted()
  if (ids.length === 0) return
  const { version } = suspects.value
  setKeeping(new Set([...keeping.value, ...ids]))
  goOn()
  await change(() => api.keepSuspects(maskOf(ids, count.value), version), `${plural(ids.length, 'label')} kept`)
  await refresh()
  setKeeping(new Set([...keeping.value].filter((id) => !ids.includes(id))))
}

export async function takeSuggested(): Promise<void> {
  const ids = wanted()
  if (ids.length === 0) return
  const { version, of } = suspects.value
  const names = new Map<string, number[]>()
  for (const id of ids) {
    const name = of.get(id)!.suggested
    names.set(name, [...(names.get(name) ?? []), id])
  }
  const saved = change(
    () => api.takeSuggested(maskOf(ids, count.value), version),
    `${photosText(ids.length)} labelled as suggested`,
    (now) => [...names].reduce((soon, [name, some]) => guessed(soon, maskOf(some, count.value), name), now),
  )
  goOn()
  await saved
}

/** Gives another label than the one suggested. */
export async function labelSuspects(name: string): Promise<void> {
  const ids = wanted()
  if (ids.length > 0) await assignTo(maskOf(ids, count.value), name, 'review', goOn)
}
