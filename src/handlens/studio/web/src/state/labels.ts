// The labels and what changes them. A change is shown at once and called saved only when the server
// has said so; a change that failed is taken back, and can be tried again.

import { computed, effect } from '@preact/signals'
import type { Gesture, Kind, LabelCount, Labels, LabelsDelta } from '../server/types'
import { number, photos as photosText } from '../text/format'
import { api } from './collection'
import { ask } from './dialogs'
import { changedBy, follows } from './label-delta'
import { kept, lookAlike } from './label-names'
import { countOf, idsOf, maskOf } from './masks'
import { announce, attempt, dismiss, say } from './messages'
import { owned } from './owned'
import { closeAfterLabel, outMask, target, withoutThrownOut } from './review'
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

/** The labels as the server last said they are. */
let confirmed = labels.peek()
/** What was done since and is on its way to the server, the earliest first. */
let pending: readonly ((now: Labels) => Labels)[] = []

function expect(next: typeof pending): void {
  pending = next
  setLabels(pending.reduce((now, done) => done(now), confirmed))
}

function confirm(next: Labels): void {
  confirmed = next
  expect(pending)
}

let fetching: Promise<void> | null = null
/** Asks for what has changed, or for all labels, unless those of this version are known or on their way. */
export async function fetchLabels(version: number): Promise<void> {
  while (confirmed.version < version) {
    const before = confirmed.version
    fetching ??= api
      .labels()
      .then(takeLabels)
      .finally(() => {
        fetching = null
      })
    const went = await fetching.then(
      () => true,
      () => false, // the next event, or connecting again, asks again
    )
    if (!went || confirmed.version === before) return
  }
}

/** The labels of a collection that was just opened. */
export function openLabels(first: Labels): void {
  pending = []
  confirm(first)
  setPicked(new Set())
}

/** Takes the server's labels unless newer ones are known (another tab's event may overtake an answer). */
export function takeLabels(next: Labels | LabelsDelta): void {
  if (next.version < confirmed.version) return
  if ('since' in next) {
    if (next.version === confirmed.version) return
    if (!follows(confirmed, next)) return void fetchLabels(next.version)
    confirm(changedBy(confirmed, next))
  } else confirm(next)
  const names = new Set(confirmed.names.map((l) => l.name))
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

/** Sends a change of the labels once those before it have arrived. */
export function inTurn<T>(send: () => Promise<T>): Promise<T> {
  const answer = queue.then(send)
  queue = answer.catch(() => undefined)
  return answer
}

/** Gives photos a label; who calls this says why it failed, and tries again. */
export async function giveLabel(ids: readonly number[], name: string, by: Gesture, kind: Kind): Promise<void> {
  const mask = maskOf(ids, labels.value.codes.length)
  setSaving('saving')
  try {
    await inTurn(async () => takeLabels(await api.assign(mask, name, by, kind)))
  } catch (error) {
    setSaving('unsaved')
    throw error
  }
  setSaving(inFlight > 0 ? 'saving' : 'saved')
}

/** Makes a change that the page shows `at once`, and the server's answer replaces. */
export async function change(
  send: () => Promise<Labels | LabelsDelta>,
  said: string,
  atOnce: (now: Labels) => Labels = (now) => now,
): Promise<boolean> {
  dismissChanged()
  inFlight++
  setSaving('saving')
  const went = await attempt(async () => {
    const mine = (now: Labels): Labels => atOnce(now)
    const done = (): typeof pending => pending.filter((other) => other !== mine)
    expect([...pending, mine])
    try {
      await inTurn(async () => {
        const next = await send()
        pending = done()
        takeLabels(next)
      })
    } finally {
      expect(done())
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
    code = names.push({ name, count: 0, gestures: 0, colour }) - 1
  }
  if (code >= 0) names[code]!.gestures++
  const codes = now.codes.slice()
  for (const id of idsOf(mask)) {
    const was = codes[id]!
    if (was >= 0) names[was]!.count--
    if (code >= 0) names[code]!.count++
    codes[id] = code
  }
  return { ...now, names, codes }
}

/** The name to use for a new one that was typed: asks if it could be taken for another's; null if the person cancels. */
export async function nameToUse(typed: string): Promise<string | null> {
  const name = kept(typed)
  const other = lookAlike(labels.value.names, name)?.name
  if (other === undefined) return name
  const use = `Use ${other}`
  const answer = await ask({
    title: `${other} or ${name}?`,
    text: `There is a label “${other}” already. “${name}” differs from it only by capital letters, spaces or the form of its characters.`,
    answers: [use, 'Keep both'],
  })
  return answer === null ? null : answer === use ? other : name
}

/** "12 photos changed from van to car" for the photos of `mask` that have another label; '' where none has. */
export function changedText(now: Labels, mask: Uint8Array, to: string): string {
  const counts = new Int32Array(now.names.length)
  for (const id of idsOf(mask)) if (now.codes[id]! >= 0) counts[now.codes[id]!]!++
  const had = now.names
    .map(({ name }, code) => ({ name, n: counts[code]! }))
    .filter(({ name, n }) => n > 0 && name !== to)
  if (had.length === 0) return ''
  const first = had[0]!
  if (had.length === 1) return `${photosText(first.n)} changed from ${first.name} to ${to}`
  const total = had.reduce((sum, { n }) => sum + n, 0)
  return `${photosText(total)} changed to ${to}: ${had.map(({ name, n }) => `${number(n)} from ${name}`).join(', ')}`
}

/** The message about labels that were changed, and the labels that it is about. */
let lastChanged: { message: number; version: number } | null = null

/** Once something else is done, undo would take that back instead. */
function dismissChanged(): void {
  if (lastChanged) dismiss(lastChanged.message)
  lastChanged = null
}
effect(() => {
  const { version } = labels.value
  if (lastChanged && version !== lastChanged.version) dismissChanged()
})

/** Says what was changed, with a button that undoes it until something else is done. */
export function sayChanged(text: string): void {
  const message = say(`${text}.`, 'note', [{ name: 'Undo', run: () => void undo() }])
  lastChanged = { message, version: labels.value.version }
}

/** Labels the selected photos; in the review the thrown-out ones, if labels are for these. */
export async function assign(typed: string): Promise<boolean> {
  if (!typed.trim()) return false
  if (target.value === 'out') return assignTo(outMask(), typed, 'review', withoutThrownOut)
  if (selectedCount.value === 0) {
    say('Select some photos first, then label them.')
    return false
  }
  const mask = selected.value
  const by = gesture.value
  // Where there is nothing to ask, the label is shown at once.
  const isPlain = lookAlike(labels.value.names, kept(typed)) === null
  const name = isPlain ? kept(typed) : await nameToUse(typed)
  if (name === null) return false
  const changed = changedText(labels.value, mask, name)
  const said = `${photosText(countOf(mask))} labelled ${name}`
  const went = await change(
    () => api.assign(mask, name, by),
    said,
    (now) => guessed(now, mask, name),
  )
  if (went && changed) sayChanged(changed)
  // Done with these: what was thrown out is no longer selected, so the next group starts clean.
  if (went && selected.value === mask) {
    closeAfterLabel()
    emptySelection()
  }
  return went
}

/** Labels photos whether or not they are selected; `then` follows once it is shown, before it is saved. */
export async function assignTo(
  mask: Uint8Array,
  typed: string,
  by: Gesture,
  then: () => void = () => undefined,
): Promise<boolean> {
  const name = await nameToUse(typed)
  if (name === null) return false
  const changed = changedText(labels.value, mask, name)
  const saved = change(
    () => api.assign(mask, name, by),
    `${photosText(countOf(mask))} labelled ${name}`,
    (now) => guessed(now, mask, name),
  )
  then()
  const went = await saved
  if (went && changed) sayChanged(changed)
  return went
}

/** Removes the labels of the selected photos; in the review of the thrown-out ones, if labels are for these. */
export async function unlabel(): Promise<void> {
  if (target.value === 'out') {
    const mask = outMask()
    const taken = change(
      () => api.remove(mask),
      `Label removed from ${photosText(countOf(mask))}`,
      (now) => guessed(now, mask, null),
    )
    withoutThrownOut()
    await taken
    return
  }
  if (selectedCount.value === 0) {
    say('Select some photos first, then remove their labels.')
    return
  }
  const mask = selected.value
  const said = `Label removed from ${photosText(selectedCount.value)}`
  await change(
    () => api.remove(mask),
    said,
    (now) => guessed(now, mask, null),
  )
}

/** Renames a label; to the name of another one, merges the two if the person wants that. */
export async function rename(name: string, typed: string): Promise<boolean> {
  const others = labels.value.names.filter((l) => l.name !== name)
  const to = kept(typed)
  const other = others.find((l) => l.name === to) ?? lookAlike(others, to)
  if (!other) return change(() => api.rename(name, to), `${name} renamed to ${to}`)
  const mergeThem = `Merge with ${other.name}`
  const answer = await ask({
    title: `Merge ${name} with ${other.name}?`,
    text: `There is a label “${other.name}” already, of ${photosText(other.count)}. Merged, the photos of both are ${other.name}. Undo takes it back.`,
    answers: other.name === to ? [mergeThem] : [mergeThem, 'Keep both'],
  })
  if (answer === null) return false
  if (answer === mergeThem) return merge([name], other.name)
  return change(() => api.rename(name, to), `${name} renamed to ${to}`)
}

/** Merges labels into one of them, into another one, or into a new one. */
export async function merge(names: string[], typed: string): Promise<boolean> {
  // The names of the labels that are merged are free afterwards.
  const into = names.includes(kept(typed)) ? kept(typed) : await nameToUse(typed)
  if (into === null) return false
  return change(() => api.merge(names, into), `${names.join(' and ')} merged into ${into}`)
}

export const remove = (name: string): Promise<boolean> => change(() => api.delete(name), `Label ${name} deleted`)

/** Says whether the latest change was taken back. */
export async function undo(): Promise<boolean> {
  await queue
  const what = labels.value.undo
  return what !== null && change(() => api.undo(), `Undone: ${what}`)
}

export async function redo(): Promise<void> {
  await queue
  const what = labels.value.redo
  if (what !== null) await change(() => api.redo(), `Redone: ${what}`)
}
