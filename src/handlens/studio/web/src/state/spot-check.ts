// The spot check: which photo is next, the answers on their way to the server, and going back. Which photos wait is the
// server's to say; those with an answer that is on its way, or has only just arrived, are taken out.

import { computed, effect } from '@preact/signals'
import type { LabelCount, SpotCheckAnswer } from '../server/types'
import { plural } from '../text/format'
import { setAnswering } from './answering'
import { api, collection, replaceCollection, updateCollection } from './collection'
import { labels } from './labels'
import { sentenceOf } from './messages'
import { AGAIN, outbox } from './outbox'
import { owned } from './owned'

/** Photos that a check draws unless more are asked for. */
export const ROUND = 30

/** Photos that are fetched ahead: a few seconds' worth, since the server may be busy for as long. */
const AHEAD = 8

interface Given {
  photo: number
  answer: SpotCheckAnswer
}

/** Whether the spot check is on the screen. */
const [checking, setChecking] = owned(false)
const [drawing, setDrawing] = owned(false)
/** The photos answered here since photos were drawn, in this order; each once. */
const [given, setGiven] = owned<readonly Given[]>([])
/** Photos answered here: an event that was sent before the answer may still say that they wait. */
const [hidden, setHidden] = owned<ReadonlySet<number>>(new Set())
/** The photo that the person has gone back to, as an index of `given`; null at the next photo that waits. */
const [backAt, setBackAt] = owned<number | null>(null)
/** Why photos could not be drawn, or an answer not be kept; null while all is well. */
const [problem, setProblem] = owned<string | null>(null)
/** The server has confirmed that no photo waits, and the report is that of all answers. */
const [finished, setFinished] = owned(false)

export { checking, drawing, finished, problem }

const state = computed(() => collection.value?.spot_check ?? null)

/** Photos that wait for an answer, in the order in which they are shown. */
export const waiting = computed(() => (state.value?.waiting ?? []).filter((photo) => !hidden.value.has(photo)))

/** The photo on the screen; null where none waits. */
export const shownPhoto = computed(() =>
  backAt.value === null ? (waiting.value[0] ?? null) : given.value[backAt.value]!.photo,
)

/** Those that come next, to be fetched ahead. */
export const nextPhotos = computed(() => waiting.value.filter((photo) => photo !== shownPhoto.value).slice(0, AHEAD))

/** What was answered for the photo that the person has gone back to. */
export const earlierAnswer = computed(() => (backAt.value === null ? null : given.value[backAt.value]!.answer))

export const canGoBack = computed(() => (backAt.value ?? given.value.length) > 0)

/** "12 of 30": the photo on the screen among all that were drawn. */
export const progress = computed(() => {
  const total = (state.value?.answered ?? 0) + (state.value?.waiting.length ?? 0)
  const answered = total - waiting.value.length
  const place = backAt.value === null ? answered + 1 : answered - (given.value.length - 1 - backAt.value)
  return { place: Math.min(place, total), total, answered }
})

/** The labels to choose from: those there are, and new ones whose answers are on their way. */
export const choices = computed<LabelCount[]>(() => {
  const all = labels.value.names.slice()
  for (const { answer } of unsent.value) {
    const name = answer.label
    if (name != null && !all.some((l) => l.name === name)) all.push({ name, count: 0, gestures: 0, colour: all.length })
  }
  return all
})

const KEYS = [...'1234567890abcdefghijklmopqrstvwxyz'] // without n and u

/** The key of each label, by its place in `choices`; '' beyond the keys there are. */
export const keyOfChoice = (place: number): string => KEYS[place] ?? ''

/** Whether a label is called like the key of another one or of another answer, as digits are. */
export const keysMislead = computed(() =>
  choices.value.some(({ name }, place) => {
    const key = name.toLowerCase()
    return key !== keyOfChoice(place) && answerOfKey(key) !== null
  }),
)

/** The answer of a key; null if it has none. */
export function answerOfKey(key: string): SpotCheckAnswer | null {
  if (key === 'n') return { answer: 'none' }
  if (key === 'u') return { answer: 'unsure' }
  const name = choices.value[KEYS.indexOf(key)]?.name
  return name === undefined ? null : { answer: 'label', label: name }
}

/** An answer in words. */
export const answerText = ({ answer, label }: SpotCheckAnswer): string =>
  answer === 'label' ? (label ?? '') : answer === 'none' ? 'none of these' : 'unsure'

// How long the person takes for a photo.

const [gaps, setGaps] = owned<readonly number[]>([])
let answeredAt = 0

/** Seconds until the last photo is answered, at the pace of the latest answers; null before there is a pace. */
export const secondsLeft = computed(() => {
  if (gaps.value.length < 3) return null
  return (waiting.value.length * gaps.value.reduce((a, b) => a + b, 0)) / gaps.value.length
})

function timed(now: number): void {
  // A pause does not count.
  const gap = (now - answeredAt) / 1000
  if (answeredAt > 0 && gap < 20) setGaps([...gaps.value.slice(-7), gap])
  answeredAt = now
}

/** Opens the check: photos that wait are shown, and if there are none, `n` are drawn. */
export async function startCheck(n = ROUND): Promise<void> {
  setChecking(true)
  setAnswering(true)
  if (unsent.value.length === 0) setHidden(new Set())
  setGiven(given.value.filter(({ photo }) => !waiting.value.includes(photo)))
  setBackAt(null)
  setProblem(null)
  setFinished(false)
  answeredAt = 0
  if (waiting.value.length === 0 && unsent.value.length === 0) await drawPhotos(n)
}

/** Closes it; answers on their way still arrive. */
export function stopCheck(): void {
  setChecking(false)
  setAnswering(false)
}

export async function drawPhotos(n = ROUND): Promise<void> {
  if (drawing.value) return
  setDrawing(true)
  setGiven([]) // an answer is not changed once the result is known
  setProblem(null)
  answeredAt = 0
  try {
    updateCollection({ spot_check: await api.drawSpotCheck(n) })
    setHidden(new Set())
    setFinished(false)
  } catch (error) {
    setProblem(sentenceOf(error))
  } finally {
    setDrawing(false)
  }
}

/** Answers the photo on the screen, and shows the next one at once. */
export function answer(what: SpotCheckAnswer): void {
  const photo = shownPhoto.value
  if (photo === null) return
  const one = { photo, answer: what }
  setFinished(false)
  setGiven([...given.value.filter((g) => g.photo !== photo), one])
  setHidden(new Set(hidden.value).add(photo))
  setBackAt(null)
  timed(performance.now())
  add(one)
}

export function goBack(): void {
  if (canGoBack.value) setBackAt((backAt.value ?? given.value.length) - 1)
}

/** From a photo gone back to, without a change of its answer. */
export function goOn(): void {
  if (backAt.value !== null) setBackAt(backAt.value + 1 < given.value.length ? backAt.value + 1 : null)
}

/** What does not arrive is sent again; what is refused is asked again. */
const { add, send, unsent } = outbox<Given>({
  deliver: async ({ photo, answer }) => updateCollection({ spot_check: await api.answerSpotCheck(photo, answer) }),
  refused: askAgain,
  setProblem: (sentence) => setProblem(sentence),
})

export { send, unsent }

/** The photo of an answer that was refused comes back, unless it no longer waits. */
async function askAgain(one: Given): Promise<void> {
  setGiven(given.value.filter((other) => other !== one))
  setBackAt(null)
  await api.spotCheck().then(
    (now) => updateCollection({ spot_check: now }),
    () => undefined,
  )
  setHidden(new Set([...hidden.value].filter((photo) => photo !== one.photo)))
}

/** As far as the page knows, all photos are answered. */
const allAnswered = computed(
  () =>
    checking.value &&
    !drawing.value &&
    !finished.value &&
    unsent.value.length === 0 &&
    waiting.value.length === 0 &&
    (state.value?.answered ?? 0) > 0,
)
effect(() => {
  if (allAnswered.value) void finish()
})

/** Asks the server whether no photo waits, and for the report of all answers. */
async function finish(again = false): Promise<void> {
  try {
    const now = await api.state()
    if (!allAnswered.value) return // photos are drawn or were drawn meanwhile, which this does not know
    replaceCollection(now)
    const asked = new Set(now.spot_check.waiting)
    setHidden(new Set([...hidden.value].filter((photo) => !asked.has(photo))))
    setFinished(now.spot_check.waiting.length === 0)
    if (again) setProblem(null)
  } catch (error) {
    setProblem(sentenceOf(error))
    setTimeout(() => {
      if (allAnswered.value) void finish(true)
    }, AGAIN)
  }
}

/** What the answers were, for the end of the check. */
export const countsText = computed(() => {
  const now = state.value
  if (!now) return ''
  const none = now.none_of_these.length
  const sure = now.answered - now.unsure - none
  const parts = [`${plural(sure, 'photo')} labelled`]
  if (none > 0)
    parts.push(`${none} none of these, which ${none === 1 ? 'counts as a mistake' : 'count as mistakes'} of the model`)
  if (now.unsure > 0) parts.push(`${now.unsure} unsure, which ${now.unsure === 1 ? 'does' : 'do'} not count`)
  if (now.gone > 0)
    parts.push(`${now.gone} left out, since ${now.gone === 1 ? 'its file is' : 'their files are'} gone or changed`)
  return `${parts.join('; ')}.`
})

/** The page is being closed: what is on its way is sent without it. */
export function sendOnLeaving(): void {
  for (const { photo, answer } of unsent.value) api.answerSpotCheckOnLeaving(photo, answer)
}
