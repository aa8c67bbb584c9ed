// The review queue: one case at a time, from the first waiting one to the last.

import { computed } from '@preact/signals'
import type { Case, LabelCount } from '../server/types'
import { api } from '../state/collection'
import { labels, nameToUse } from '../state/labels'
import { announce, attempt } from '../state/messages'
import { predictions } from '../state/model'
import { owned } from '../state/owned'
import { keyOfChoice } from '../state/spot-check'
import { percent } from '../text/format'
import { person } from './person'

/** Predictions with less than this probability wait. */
export const [below, setBelow] = owned(0.8)
/** The cases of this session; null before it began. */
const [cases, setCases] = owned<Case[] | null>(null)
/** The index of the case on the screen; the number of cases after the last one. */
const [at, setAt] = owned(0)
const [beginning, setBeginning] = owned(false)
const [deciding, setDeciding] = owned(false)

export { at, beginning, cases, deciding }

export const current = computed(() => cases.value?.[at.value] ?? null)
export const decidedCount = computed(() => cases.value?.filter((c) => c.status !== 'waiting').length ?? 0)

/** Photos that are fetched ahead. */
const AHEAD = 8

/** The photos of the cases after this one that wait, and of the one before. */
export const nextPhotos = computed<number[]>(() => {
  const all = cases.value ?? []
  const after = all.slice(at.value + 1).filter((c) => c.status === 'waiting')
  const before = all.slice(Math.max(0, at.value - 1), at.value)
  return [...after.slice(0, AHEAD), ...before].map((c) => c.photo)
})

/** How many unlabelled photos would wait, counted from the predictions that the page has. */
export const wouldWait = computed(() => {
  const said = predictions.value
  if (!said) return 0
  const { codes } = labels.value
  return said.probability.reduce(
    (n, p, id) => n + (said.codes[id]! >= 0 && (codes[id] ?? -1) < 0 && p < below.value ? 1 : 0),
    0,
  )
})

export const confidenceOf = (of: Case): number => Math.max(...Object.values(of.probabilities))

/** The labels to choose from: those there are, and the predicted one if it was renamed or deleted since. */
export const choicesOf = (names: readonly LabelCount[], predicted: string): LabelCount[] =>
  names.some((label) => label.name === predicted)
    ? [...names]
    : [...names, { name: predicted, count: 0, gestures: 0, colour: names.length }]

/** The name of the label that a key chooses, the same keys as in the spot check; null if it has none. */
export function choiceOfKey(choices: readonly LabelCount[], key: string): string | null {
  const found = choices.findIndex((_, place) => keyOfChoice(place) === key.toLowerCase())
  return choices[found]?.name ?? null
}

export function reset(): void {
  setCases(null)
  setAt(0)
}

export function begin(): Promise<boolean> {
  return attempt(async () => {
    setBeginning(true)
    try {
      setCases(await api.reviewCases(below.value))
      setAt(0)
      tell()
    } finally {
      setBeginning(false)
    }
  }, 'Could not open the queue: ')
}

export function go(step: number): void {
  const to = at.value + step
  if (!cases.value || to < 0 || to > cases.value.length) return
  setAt(to)
  tell()
}

function tell(): void {
  const now = current.value
  if (now)
    announce(`${at.value + 1} of ${cases.value!.length}: predicted ${now.predicted}, ${percent(confidenceOf(now))}`)
  else announce(cases.value?.length ? 'That was the last one' : 'Nothing waits')
}

/** Confirms the prediction or overrules it with another label, then goes to the next waiting case. */
export function decide(label: string, reason: string): Promise<boolean> {
  const now = current.value
  if (!now || deciding.value) return Promise.resolve(false)
  return run(async () => {
    const by = person.value
    const name = label === now.predicted ? label : await nameToUse(label)
    if (name === null) return
    replace(
      name === now.predicted ? await api.confirm(now.id, by, reason) : await api.overrule(now.id, name, by, reason),
    )
    const after = cases.value!.findIndex((c, i) => i > at.value && c.status === 'waiting')
    setAt(after >= 0 ? after : cases.value!.length)
    tell()
  })
}

export function takeBack(): Promise<boolean> {
  const now = current.value
  if (!now || deciding.value) return Promise.resolve(false)
  return run(async () => {
    replace(await api.takeBack(now.id, person.value))
    announce('The photo waits again')
  })
}

function run(work: () => Promise<void>): Promise<boolean> {
  return attempt(async () => {
    setDeciding(true)
    try {
      await work()
    } finally {
      setDeciding(false)
    }
  }, 'Not decided: ')
}

const replace = (by: Case): void => {
  setCases(cases.value!.map((c) => (c.id === by.id ? by : c)))
}
