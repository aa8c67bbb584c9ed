// What the person does to labels and the model. Each change is shown at once and called saved only
// when the server has said so; a change that failed is taken back, and can be tried again.

import type { CollectionState, Labels, ModelKind, Report } from '../server/types'
import { percent, photos as photosText, plural } from '../text/format'
import {
  api,
  collection,
  count,
  labels,
  opacity,
  picked,
  predictions,
  report,
  saving,
  selected,
  selectedCount,
  separating,
  shownMask,
  titleOf,
  training,
} from './collection'
import { goTo, loadMap, positions, separated } from './maps'
import { combine, idsOf, maskOf, type SelectMode } from './masks'
import { announce, attempt, say } from './messages'
import { closeReview, review, selectionReplaced } from './review'

export function select(mask: Uint8Array, mode: SelectMode): void {
  selected.value = combine(selected.value, mask, mode)
  selectionReplaced()
  announce(`${photosText(selectedCount.value)} selected`)
}

/** Selects what the map shows, in view or not: a start for whoever has no mouse, to be thinned out in the review. */
export function selectShown(): void {
  const xy = positions.value
  if (xy)
    select(
      shownMask.value.map((on, id) => (on && !Number.isNaN(xy[2 * id]!) ? 1 : 0)),
      'replace',
    )
}

export function clearSelection(): void {
  if (selectedCount.value === 0) return
  selected.value = new Uint8Array(count.value)
  selectionReplaced()
  announce('Nothing selected')
}

export function selectLabel(name: string): void {
  const code = labels.value.names.findIndex((l) => l.name === name)
  select(
    Uint8Array.from(labels.value.codes, (c) => (c === code ? 1 : 0)),
    'replace',
  )
}

/** Takes the server's labels unless newer ones are known (another tab's event may overtake an answer). */
export function takeLabels(next: Labels): void {
  if (next.version < labels.value.version) return
  labels.value = next
  const names = new Set(next.names.map((l) => l.name))
  const left = [...picked.value].filter((name) => names.has(name))
  if (left.length !== picked.value.size) picked.value = new Set(left)
}

let inFlight = 0
/** Changes reach the server one after another: an undo must not overtake the label it takes back. */
let queue: Promise<unknown> = Promise.resolve()

async function change(guess: Labels | null, send: () => Promise<Labels>, said: string): Promise<boolean> {
  const before = labels.value
  if (guess) labels.value = guess
  inFlight++
  saving.value = 'saving'
  const went = await attempt(async () => {
    try {
      const answer = queue.then(async () => takeLabels(await send()))
      queue = answer.catch(() => undefined)
      await answer
    } catch (error) {
      if (labels.value === guess) labels.value = before
      throw error
    }
    saving.value = 'saved'
  }, 'Not saved: ')
  inFlight--
  saving.value = !went ? 'unsaved' : inFlight > 0 ? 'saving' : 'saved'
  if (went) announce(`${said}. Saved.`)
  return went
}

/** The labels as they will be once the server has agreed. */
export function guessed(now: Labels, mask: Uint8Array, name: string | null): Labels {
  const names = now.names.map((l) => ({ ...l }))
  let code = name === null ? -1 : names.findIndex((l) => l.name === name)
  if (name !== null && code < 0) {
    const used = new Set(names.map((l) => l.colour))
    let colour = 0
    while (used.has(colour)) colour++
    code = names.push({ name, count: 0, colour }) - 1
  }
  const codes = now.codes.slice()
  for (const id of idsOf(mask)) {
    const was = codes[id]!
    if (was >= 0) names[was]!.count--
    if (code >= 0) names[code]!.count++
    codes[id] = code
  }
  return { ...now, names, codes }
}

export async function assign(name: string): Promise<boolean> {
  const clean = name.trim()
  if (!clean) return false
  if (selectedCount.value === 0) {
    say('Select some photos first, then label them.')
    return false
  }
  const mask = selected.value
  const n = selectedCount.value
  const went = await change(
    guessed(labels.value, mask, clean),
    () => api.assign(mask, clean),
    `${photosText(n)} labelled ${clean}`,
  )
  // Done with these: what was thrown out is no longer selected, so the next group starts clean.
  if (went && selected.value === mask) {
    if (review.value) closeReview()
    selected.value = new Uint8Array(count.value)
  }
  return went
}

export async function unlabel(): Promise<void> {
  if (selectedCount.value === 0) {
    say('Select some photos first, then remove their labels.')
    return
  }
  const mask = selected.value
  await change(
    guessed(labels.value, mask, null),
    () => api.remove(mask),
    `Label removed from ${photosText(selectedCount.value)}`,
  )
}

export const rename = (name: string, to: string): Promise<boolean> =>
  change(null, () => api.rename(name, to.trim()), `${name} renamed to ${to.trim()}`)

export const merge = (names: string[], into: string): Promise<boolean> =>
  change(null, () => api.merge(names, into.trim()), `${names.join(' and ')} merged into ${into.trim()}`)

export const remove = (name: string): Promise<boolean> => change(null, () => api.delete(name), `Label ${name} deleted`)

export async function undo(): Promise<void> {
  await queue
  const what = labels.value.undo
  if (what !== null) await change(null, () => api.undo(), `Undone: ${what}`)
}

export async function redo(): Promise<void> {
  await queue
  const what = labels.value.redo
  if (what !== null) await change(null, () => api.redo(), `Redone: ${what}`)
}

export function pick(name: string): void {
  const next = new Set(picked.value)
  if (!next.delete(name)) next.add(name)
  picked.value = next
}

/** The labels to separate: the ones ticked, or all when exactly two exist. */
export function toSeparate(): string[] {
  const all = labels.value.names.map((l) => l.name)
  if (picked.value.size >= 2) return all.filter((name) => picked.value.has(name))
  return all.length === 2 ? all : []
}

export async function separate(): Promise<void> {
  const names = toSeparate()
  if (names.length < 2) return void say('Tick two or more labels first, then separate them.')
  await attempt(async () => {
    separating.value = true
    try {
      const best = await api.separate(names)
      separated()
      collection.value = await api.state()
      const found = collection.value.layers.find((l) => l.id === best.layer)
      const at = found ? titleOf(found) : best.layer
      goTo(best.layer, best.projection)
      await loadMap()
      const well = best.score === null ? '' : ` That layer tells labels apart in ${percent(best.score)} of photos.`
      say(`${names.join(' and ')} are farthest apart in ${at}.${well}`)
    } finally {
      separating.value = false
    }
  }, 'Could not separate: ')
}

export async function train(): Promise<void> {
  if (training.value) return
  await attempt(async () => {
    training.value = true
    announce('Training')
    try {
      const made = await api.train()
      report.value = made
      predictions.value = await api.predictions()
      announce(`Trained on ${plural(made.n_labelled, 'labelled photo')}: ${accuracyText(made)}`)
    } finally {
      training.value = false
    }
  }, 'Could not train: ')
}

export async function fineTune(backbone: string, minutes: number): Promise<boolean> {
  return attempt(async () => {
    collection.value = await api.fineTune(backbone, minutes)
    announce(`Fine-tuning ${backbone}`)
  }, 'Could not fine-tune: ')
}

export const cancelFineTuning = (): Promise<boolean> =>
  attempt(async () => void (collection.value = await api.cancelFineTuning()))

/** Says how it ended: the person has been doing something else meanwhile. */
export function fineTuned(state: CollectionState): void {
  const { phase, error, network } = state.fine_tuning
  if (phase === 'done') say(`${network} is fine-tuned: ${accuracyText(state.report)}. It is now the model in use.`)
  else if (phase === 'cancelled') say('Fine-tuning was cancelled. The model in use is the one from before.')
  else if (phase === 'failed')
    say(`Fine-tuning failed: ${error ?? 'no reason is known.'} The model in use is the one from before.`)
}

const accuracyText = (made: Report | null): string =>
  made?.accuracy == null ? 'not enough labels for an estimate' : `${percent(made.accuracy)} right`

export async function useModel(kind: ModelKind): Promise<void> {
  await attempt(async () => {
    const state = await api.useModel(kind)
    collection.value = state
    report.value = state.report
    predictions.value = await api.predictions()
    announce(`The ${kind} model is in use: ${accuracyText(state.report)}`)
  }, 'Could not change the model: ')
}

export function toggleOpacity(): void {
  if (!predictions.value) return void say('Train a model first: then photos it is sure of can be faded.')
  opacity.value = { ...opacity.value, on: !opacity.value.on }
  announce(opacity.value.on ? 'Photos predicted confidently are faded' : 'All photos at full opacity')
}

export const selectIds = (ids: Iterable<number>, mode: SelectMode): void => select(maskOf(ids, count.value), mode)
