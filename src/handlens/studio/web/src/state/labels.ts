// The labels and what changes them. A change is shown at once and called saved only when the server
// has said so; a change that failed is taken back, and can be tried again.

import { computed } from '@preact/signals'
import type { LabelCount, Labels } from '../server/types'
import { photos as photosText } from '../text/format'
import { api } from './collection'
import { idsOf } from './masks'
import { announce, attempt, say } from './messages'
import { owned } from './owned'
import { closeReview } from './review'
import { emptySelection, gesture, selected, selectedCount } from './selection'

/** Labelled photos from which a label no longer counts as thin, as in the training report. */
export const ENOUGH = 10

const [labels, setLabels] = owned<Labels>({
  version: -1,
  last_by_person: 0,
  names: [],
  codes: new Int16Array(0),
  undo: null,
  redo: null,
})
/** The labels picked for separating, merging or deleting. */
const [picked, setPicked] = owned<ReadonlySet<string>>(new Set())
const [saving, setSaving] = owned<'saved' | 'saving' | 'unsaved'>('saved')

export { labels, picked, saving }

export const labelledCount = computed(() => labels.value.names.reduce((n, l) => n + l.count, 0))

/** Labels that have a key, 1 to 9; the others are found by their names. */
export const KEYED = 9

/** Without accents and capital letters. */
const plain = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()

/** The labels with a text in their names: the one that is called so, then those that begin with it, then the others. */
export function matching(all: readonly LabelCount[], text: string): LabelCount[] {
  const [exact, wanted] = [text.trim(), plain(text.trim())]
  const rank = ({ name }: LabelCount): number => {
    const found = plain(name)
    return [name === exact, found === wanted, found.startsWith(wanted), found.includes(wanted)].indexOf(true)
  }
  return all.filter((l) => rank(l) >= 0).sort((a, b) => rank(a) - rank(b))
}

export const labelOf = (id: number): string | null => labels.value.names[labels.value.codes[id] ?? -1]?.name ?? null

/** The labels of a collection that was just opened. */
export function openLabels(first: Labels): void {
  setLabels(first)
  setPicked(new Set())
}

/** Takes the server's labels unless newer ones are known (another tab's event may overtake an answer). */
export function takeLabels(next: Labels): void {
  if (next.version < labels.value.version) return
  setLabels(next)
  const names = new Set(next.names.map((l) => l.name))
  const left = [...picked.value].filter((name) => names.has(name))
  if (left.length !== picked.value.size) setPicked(new Set(left))
}

export function pick(name: string): void {
  const next = new Set(picked.value)
  if (!next.delete(name)) next.add(name)
  setPicked(next)
}

let inFlight = 0
/** Changes reach the server one after another: an undo must not overtake the label it takes back. */
let queue: Promise<unknown> = Promise.resolve()

async function change(guess: Labels | null, send: () => Promise<Labels>, said: string): Promise<boolean> {
  const before = labels.value
  if (guess) setLabels(guess)
  inFlight++
  setSaving('saving')
  const went = await attempt(async () => {
    try {
      const answer = queue.then(async () => takeLabels(await send()))
      queue = answer.catch(() => undefined)
      await answer
    } catch (error) {
      if (labels.value === guess) setLabels(before)
      throw error
    }
    setSaving('saved')
  }, 'Not saved: ')
  inFlight--
  setSaving(!went ? 'unsaved' : inFlight > 0 ? 'saving' : 'saved')
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

/** Labels the selected photos. */
export async function assign(name: string): Promise<boolean> {
  const clean = name.trim()
  if (!clean) return false
  if (selectedCount.value === 0) {
    say('Select some photos first, then label them.')
    return false
  }
  const mask = selected.value
  const by = gesture.value
  const said = `${photosText(selectedCount.value)} labelled ${clean}`
  const went = await change(guessed(labels.value, mask, clean), () => api.assign(mask, clean, by), said)
  // Done with these: what was thrown out is no longer selected, so the next group starts clean.
  if (went && selected.value === mask) {
    closeReview()
    emptySelection()
  }
  return went
}

/** Removes the labels of the selected photos. */
export async function unlabel(): Promise<void> {
  if (selectedCount.value === 0) {
    say('Select some photos first, then remove their labels.')
    return
  }
  const mask = selected.value
  const said = `Label removed from ${photosText(selectedCount.value)}`
  await change(guessed(labels.value, mask, null), () => api.remove(mask), said)
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
