// The review queue: one case at a time, from the first that waits to the last.

import { computed, signal } from '@preact/signals'
import type { Case } from '../server/types'
import { api, labels, predictions } from '../state/collection'
import { announce, attempt } from '../state/messages'
import { percent } from '../text/format'
import { person } from './person'

/** Predictions with less than this probability wait. */
export const below = signal(0.8)
/** The cases of this sitting; null before it began. */
export const cases = signal<Case[] | null>(null)
export const at = signal(0)
export const beginning = signal(false)
export const deciding = signal(false)

export const current = computed(() => cases.value?.[at.value] ?? null)
export const decidedCount = computed(() => cases.value?.filter((c) => c.status !== 'waiting').length ?? 0)

/** Unlabelled photos that would wait, by what the page knows. */
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

export function reset(): void {
  cases.value = null
  at.value = 0
}

export function begin(): Promise<boolean> {
  return attempt(async () => {
    beginning.value = true
    try {
      cases.value = await api.reviewCases(below.value)
      at.value = 0
      tell()
    } finally {
      beginning.value = false
    }
  }, 'Could not open the queue: ')
}

export function go(step: number): void {
  const to = at.value + step
  if (!cases.value || to < 0 || to > cases.value.length) return
  at.value = to
  tell()
}

function tell(): void {
  const now = current.value
  if (now)
    announce(`${at.value + 1} of ${cases.value!.length}: predicted ${now.predicted}, ${percent(confidenceOf(now))}`)
  else announce(cases.value?.length ? 'That was the last one' : 'Nothing waits')
}

/** The prediction stands, or another label is right; the next one that waits follows. */
export function decide(label: string, reason: string): Promise<boolean> {
  const now = current.value
  if (!now || deciding.value) return Promise.resolve(false)
  return run(async () => {
    const by = person.value
    replace(
      label === now.predicted ? await api.confirm(now.id, by, reason) : await api.overrule(now.id, label, by, reason),
    )
    const after = cases.value!.findIndex((c, i) => i > at.value && c.status === 'waiting')
    at.value = after >= 0 ? after : cases.value!.length
    tell()
  })
}

export function takeBack(): Promise<boolean> {
  const now = current.value
  if (!now || deciding.value) return Promise.resolve(false)
  return run(async () => {
    replace(await api.takeBack(now.id, person.value))
    announce('It waits again')
  })
}

function run(work: () => Promise<void>): Promise<boolean> {
  return attempt(async () => {
    deciding.value = true
    try {
      await work()
    } finally {
      deciding.value = false
    }
  }, 'Not decided: ')
}

const replace = (by: Case): void => {
  cases.value = cases.value!.map((c) => (c.id === by.id ? by : c))
}
