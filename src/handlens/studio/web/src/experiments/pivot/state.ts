// What the pivot shows: asked of the server whenever the question, or the runs, change.

import { computed, effect } from '@preact/signals'
import { sentenceOf } from '../../state/messages'
import { owned } from '../../state/owned'
import { experiments, type Question, type RawPivot } from '../server'
import { frameOf } from '../state/curves'
import { metIds, pivotValue } from '../state/looked-at'
import { go, place } from '../state/place'
import { curves, failed, graphed, loaded, runs, version } from '../state/study'
import { type Json, keyOf } from '../state/table'
import { type Axes, axesOf } from './axes'
import { type Layout, layOut } from './layout'

export const axes = computed<Axes>(() => axesOf(place.value, runs.value))

const question = computed<Question | null>(() => {
  const { study, view } = place.value
  if (study === null || view !== 'pivot' || !loaded.value || axes.value.rows.length === 0 || metIds.value.length === 0)
    return null
  const all = metIds.value.length === runs.value.ids.length
  return {
    study,
    ...axes.value,
    values: pivotValue.value,
    baseline: baselineOf(place.value.baseline, axes.value),
    runs: all ? null : metIds.value,
  }
})

/** The baseline, if it names a value for each of the choices. */
function baselineOf(wanted: { readonly [choice: string]: Json } | null, { rows, columns }: Axes): Question['baseline'] {
  const names = [...rows, ...columns]
  if (wanted === null || names.some((name) => !(name in wanted)) || Object.keys(wanted).length !== names.length)
    return null
  return wanted
}

const [answer, setAnswer] = owned<{ to: string; raw: RawPivot; axes: Axes } | null>(null)
/** Whether what is shown answers another question. */
const [asking, setAsking] = owned(false)
const [problem, setProblem] = owned<string | null>(null)

export { asking, problem }

export const layout = computed<Layout | null>(() => answer.value && layOut(answer.value.raw, answer.value.axes))

/** The frame of all small graphs. */
export const frame = computed(() => {
  const ids = metIds.value
  const drawn = graphed.value.flatMap((number) => {
    const of = curves.value.get(number)
    return of ? ids.flatMap((id) => of.get(id) ?? []) : []
  })
  return frameOf(drawn)
})

let latest = 0

/** Asks while the pivot is looked at. */
export function keepAsking(): () => void {
  let asked = ''
  return effect(() => {
    const now = question.value
    // Again too once the record can be read again.
    const text = JSON.stringify([now, version.value, failed.value])
    if (now === null || text === asked) return
    asked = text
    void ask(now)
  })
}

async function ask(now: Question): Promise<void> {
  const mine = ++latest
  setAsking(true)
  try {
    const raw = await experiments.pivot(now)
    if (mine !== latest) return
    setAnswer({ to: JSON.stringify(now), raw, axes: { rows: now.rows, columns: now.columns } })
    setProblem(null)
  } catch (error) {
    if (mine === latest) {
      setProblem(sentenceOf(error))
      // The answer to another question would be read as the one to this.
      if (answer.value?.to !== JSON.stringify(now)) setAnswer(null)
    }
  }
  if (mine === latest) setAsking(false)
}

/** Puts the axes into the address; a baseline stays if it is still one. */
export function setAxes(to: Axes): void {
  go({ ...to, baseline: baselineOf(place.value.baseline, to) })
}

/** Makes a cell the one that the others are compared with, or no longer. */
export function toggleBaseline(values: { readonly [choice: string]: Json }): void {
  const same = place.value.baseline !== null && keyOf(place.value.baseline) === keyOf(values)
  go({ baseline: same ? null : values })
}
