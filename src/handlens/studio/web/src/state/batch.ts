// A batch of photos that are labelled one after another: groups that the model predicts alike are confirmed together,
// least sure first, and the others named one by one. Which photos are left follows from the answers given so far.

import { computed } from '@preact/signals'
import { changedIds } from '../map/changed'
import type { Kind, Predictions } from '../server/types'
import { setAnswering } from './answering'
import { api, collection, count } from './collection'
import { kept } from './label-names'
import { giveLabel, labels, undo } from './labels'
import { maskOf } from './masks'
import { announce, messages, sentenceOf } from './messages'
import { loadPredictions, predictions, report, train, training } from './model'
import { canTrain, readableMask, unlabelledMask } from './next-step'
import { outbox } from './outbox'
import { owned } from './owned'

/** How many photos are suggested at once. */
export const SUGGESTED = 24
/** As many as can be suggested at once. */
const MOST = 200
/** Fewer photos that are predicted alike are named one by one. */
const GRID = 3
/** Photos on a page where all are confirmed that are predicted as one label: as many as are seen at once. */
export const PAGE = 60
/** Photos that are fetched ahead. */
const AHEAD = 6

/** Photos that the model predicts as one label, the one that it is least sure of first. */
export interface Group {
  name: string
  ids: readonly number[]
}

export interface Batch {
  /** The label whose predictions are confirmed; null where photos are suggested. */
  of: string | null
  groups: readonly Group[]
  /** Photos that are named one by one. */
  rest: readonly number[]
  /** By photo what the model predicts when the batch begins, and how sure it is. */
  guesses: ReadonlyMap<number, { name: string; probability: number }>
}

interface Answer {
  ids: readonly number[]
  /** null: left without a label */
  name: string | null
  kind: Kind
  /** the group that is done with it */
  group: Group | null
  /** Of its photos, those that were marked as wrong until then. */
  marked: readonly number[]
}

const [batch, setBatch] = owned<Batch | null>(null)
const [loading, setLoading] = owned(false)
/** Why there is no batch; null while all is well. */
const [failed, setFailed] = owned<string | null>(null)
/** Why an answer is not saved; null while all is well. */
const [problem, setProblem] = owned<string | null>(null)
const [answers, setAnswers] = owned<readonly Answer[]>([])
/** Photos whose prediction is wrong, as the person says. */
const [wrong, setWrong] = owned<ReadonlySet<number>>(new Set())
/** An answer is being taken back. */
const [takingBack, setTakingBack] = owned(false)

export { answers, batch, failed, loading, problem, takingBack, wrong }

/** Photos that the person has skipped since the page was opened: they are not suggested again. */
const skippedBefore = new Set<number>()
/** The version of the labels after an answer was saved, which the latest one can be taken back at. */
const versions = new Map<Answer, number>()

const { add, send, takeOut, unsent } = outbox<Answer>({
  deliver: async (one) => {
    await giveLabel(one.ids, one.name!, 'review', one.kind)
    versions.set(one, labels.value.version)
  },
  refused: (one) => setAnswers(answers.value.filter((other) => other !== one)),
  setProblem,
})

export { send, unsent }

// --- which photos are left

/** Photos that are done: answered here, or labelled elsewhere meanwhile. */
const done = computed(() => new Set(answers.value.flatMap(({ ids }) => ids)))
const isLeft = (id: number): boolean => !done.value.has(id) && (labels.value.codes[id] ?? -1) < 0
const isLabel = (name: string): boolean => labels.value.names.some((l) => l.name === name)
/** Groups that are done; one whose label was renamed or deleted meanwhile cannot be confirmed. */
const doneGroups = computed(() => {
  const confirmed = new Set(answers.value.map(({ group }) => group))
  return new Set((batch.value?.groups ?? []).filter((group) => confirmed.has(group) || !isLabel(group.name)))
})

/** Photos of these groups that are left, because their prediction is wrong. */
const pending = computed(() => [...doneGroups.value].flatMap(({ ids }) => ids.filter(isLeft)))

/** The group on the screen, with the photos of it that are left; null while photos are named one by one. */
export const openGroup = computed<(Group & { place: number }) | null>(() => {
  // Of many pages, each is done before the next.
  if (batch.value?.of != null && pending.value.length > 0) return null
  for (const [place, group] of (batch.value?.groups ?? []).entries()) {
    if (doneGroups.value.has(group)) continue
    const ids = group.ids.filter(isLeft)
    if (ids.length > 0) return { name: group.name, ids, place }
  }
  return null
})

/** The photos to name one by one. */
const toName = computed(() => [...pending.value, ...(batch.value?.rest ?? []).filter(isLeft)])

/** The photo on the screen where they are named one by one. */
export const shownPhoto = computed(() => (openGroup.value ? null : (toName.value[0] ?? null)))

/** The photos to be fetched: those that will be shown large, in this order. */
export const photosAhead = computed(() => toName.value.slice(0, AHEAD))

/** What the model predicts for a photo, unless the person has said that it is wrong. */
export function guessOf(id: number): { name: string; probability: number } | null {
  const guess = wrong.value.has(id) ? undefined : batch.value?.guesses.get(id)
  return guess && isLabel(guess.name) ? guess : null
}

/** The photos of the batch, and those that are done. */
export const progress = computed(() => {
  const all = [...(batch.value?.groups ?? []).flatMap(({ ids }) => ids), ...(batch.value?.rest ?? [])]
  return { total: all.length, done: all.filter((id) => !isLeft(id)).length }
})

/** Photos that got a label here. */
export const labelledHere = computed(() => answers.value.reduce((n, a) => n + (a.name === null ? 0 : a.ids.length), 0))
/** Photos that were left without one. */
export const skippedHere = computed(() => answers.value.reduce((n, a) => n + (a.name === null ? a.ids.length : 0), 0))

/** For how many unlabelled photos the model predicts a label, the one with most photos first. */
export const predictedCounts = computed<{ name: string; count: number }[]>(() => {
  const said = predictions.value
  if (!said) return []
  const counts = countPredicted(said, readableMask.value, labels.value.codes, waiting.value)
  const known = new Set(labels.value.names.map((l) => l.name))
  const found = said.names.map((name, code) => ({ name, count: counts[code]! }))
  return found.filter((one) => one.count > 0 && known.has(one.name)).sort((a, b) => b.count - a.count)
})

/** The photos of a check that wait for an answer, as text: the state often comes with the same ones. */
const waiting = computed(() => (collection.value?.spot_check.waiting ?? []).join())

/** The latest counts: after a change of labels, only what changed is counted. */
let counted: { of: readonly unknown[]; codes: Int16Array; counts: number[] } | null = null

function countPredicted(said: Predictions, readable: Uint8Array, codes: Int16Array, check: string): number[] {
  const of = [said, readable, check]
  const asked = new Set(check ? check.split(',').map(Number) : [])
  const before = counted?.of.every((one, i) => one === of[i]) ? counted : null
  const changed = before && changedIds(before.codes, codes)
  const counts = before && changed ? before.counts.slice() : said.names.map(() => 0)
  const count = (id: number, by: number): void => {
    const code = said.codes[id]!
    if (code >= 0 && readable[id] && !asked.has(id)) counts[code]! += by
  }
  if (before && changed) {
    for (const id of changed) count(id, Number((codes[id] ?? -1) < 0) - Number((before.codes[id] ?? -1) < 0))
  } else {
    for (let id = 0; id < said.codes.length; id++) if ((codes[id] ?? -1) < 0) count(id, 1)
  }
  counted = { of, codes, counts }
  return counts
}

/** Unlabelled photos that the model predicts as one label, the least sure first. */
function predictedAs(name: string): number[] {
  const said = predictions.value
  if (!said || !isLabel(name)) return []
  const code = said.names.indexOf(name)
  const asked = maskOf(collection.value?.spot_check.waiting ?? [], count.value)
  const unlabelled = unlabelledMask.value
  const ids: number[] = []
  for (let id = 0; id < said.codes.length; id++) {
    if (said.codes[id] === code && unlabelled[id] && !asked[id]) ids.push(id)
  }
  return ids.sort((a, b) => said.probability[a]! - said.probability[b]!)
}

// --- beginning and ending

/** Photos that are most worth a label, grouped by what the model predicts. */
export const suggest = (): Promise<void> =>
  begin(async () => {
    const wanted = Math.min(MOST, SUGGESTED + skippedBefore.size)
    const ids = Array.from(await api.next(wanted)).filter((id) => !skippedBefore.has(id))
    if (ids.length === 0) throw new Error('You have skipped all photos that are left.')
    return grouped(ids.slice(0, SUGGESTED), null)
  })

/** All unlabelled photos that the model predicts as one label, in pages. */
export const confirmAll = (name: string): Promise<void> =>
  begin(() => {
    const ids = predictedAs(name)
    if (ids.length === 0) throw new Error(`No photo without a label is predicted ${name}.`)
    return grouped(ids, name)
  })

async function begin(choose: () => Promise<Batch> | Batch): Promise<void> {
  if (loading.value) return
  setAnswering(true)
  setLoading(true)
  setBatch(null)
  setAnswers([])
  setWrong(new Set())
  setFailed(null)
  versions.clear()
  try {
    if (report.value && !predictions.value) await loadPredictions()
    const chosen = await choose()
    setBatch(chosen)
    announce(`${chosen.groups.reduce((n, { ids }) => n + ids.length, chosen.rest.length)} photos to label`)
  } catch (error) {
    setFailed(sentenceOf(error))
  } finally {
    setLoading(false)
  }
}

/** The photos by what the model predicts; pages of one label where `of` names it. */
function grouped(ids: readonly number[], of: string | null): Batch {
  const said = predictions.value
  const known = new Set(labels.value.names.map((l) => l.name))
  const guesses: [number, { name: string; probability: number }][] = []
  for (const id of ids) {
    const name = said?.names[said.codes[id] ?? -1]
    if (said && name !== undefined && known.has(name)) guesses.push([id, { name, probability: said.probability[id]! }])
  }
  const sure = new Map(guesses.map(([id, { probability }]) => [id, probability]))
  const groups: Group[] = []
  for (const name of [...new Set(guesses.map(([, guess]) => guess.name))].sort()) {
    const alike = guesses.filter(([, guess]) => guess.name === name).map(([id]) => id)
    if (of === null && alike.length < GRID) continue
    alike.sort((a, b) => sure.get(a)! - sure.get(b)!)
    for (let at = 0; at < alike.length; at += PAGE) groups.push({ name, ids: alike.slice(at, at + PAGE) })
  }
  const inGroups = new Set(groups.flatMap((group) => group.ids))
  return { of, groups, rest: ids.filter((id) => !inGroups.has(id)), guesses: new Map(guesses) }
}

/** The dialog is closed: what is on its way still arrives. */
export function stopBatch(): void {
  setAnswering(false)
  setBatch(null)
}

/** One key for each batch: learns from it, if two labels have photos, and suggests the next photos. */
export async function trainAndSuggest(): Promise<void> {
  await send()
  if (training.value || loading.value || unsent.value.length > 0) return
  setProblem(null)
  if (canTrain.value && !(await train())) return setProblem(messages.value.at(-1)?.text ?? 'Could not train.')
  await suggest()
}

// --- answers

function give(one: Answer): void {
  setAnswers([...answers.value, one])
  const left = new Set(wrong.value)
  // A photo that waits for its name stays marked: its prediction is wrong.
  if (one.group === null && one.name !== null) for (const id of one.ids) left.delete(id)
  setWrong(left)
  if (one.name !== null && one.ids.length > 0) add(one)
}

export function toggleWrong(id: number): void {
  const marked = new Set(wrong.value)
  if (!marked.delete(id)) marked.add(id)
  setWrong(marked)
  announce(marked.has(id) ? 'wrong' : 'right')
}

/** Gives the photos of the group that are not marked its label. Those that are marked wait to be named one by one. */
export function confirmRest(): void {
  const open = openGroup.value
  if (!open) return
  const ids = open.ids.filter((id) => !wrong.value.has(id))
  give({
    ids,
    name: ids.length > 0 ? open.name : null,
    kind: 'suggested',
    group: batch.value!.groups[open.place]!,
    marked: [],
  })
}

/** Gives photos a label that the person says. */
export function nameThese(ids: readonly number[], name: string): void {
  const clean = kept(name)
  const left = ids.filter(isLeft)
  if (!clean || left.length === 0) return
  const kind = left.every((id) => guessOf(id)?.name === clean) ? 'suggested' : 'by hand'
  give({ ids: left, name: clean, kind, group: null, marked: left.filter((id) => wrong.value.has(id)) })
}

/** Leaves the photo on the screen without a label. */
export function skip(): void {
  const id = shownPhoto.value
  if (id === null) return
  skippedBefore.add(id)
  give({ ids: [id], name: null, kind: 'by hand', group: null, marked: [] })
}

/** Takes the latest answer back; its photos are shown again. */
export async function takeBack(): Promise<void> {
  const last = answers.value.at(-1)
  if (!last || takingBack.value) return
  if (last.name !== null && !takeOut(last)) {
    setTakingBack(true)
    try {
      await undoOnServer(last)
    } catch (error) {
      return setProblem(sentenceOf(error))
    } finally {
      setTakingBack(false)
    }
  }
  setProblem(null)
  if (!answers.value.includes(last)) return
  for (const id of last.ids) skippedBefore.delete(id)
  setAnswers(answers.value.filter((other) => other !== last))
  setWrong(new Set([...wrong.value, ...last.marked]))
  announce('Taken back')
}

async function undoOnServer(last: Answer): Promise<void> {
  await send()
  if (unsent.value.length > 0) throw new Error(problem.value ?? 'The answer is not saved yet.')
  if (versions.get(last) !== labels.value.version) {
    throw new Error(
      'Labels have changed since, so this answer cannot be taken back here: use Undo (Ctrl+Z) on the map.',
    )
  }
  if (!(await undo())) throw new Error('It could not be taken back. Try again.')
  const before = answers.value.filter((one) => versions.has(one) && one !== last).at(-1)
  if (before) versions.set(before, labels.value.version)
  versions.delete(last)
}

/** The page is being closed: what is on its way is sent without it. */
export function sendBatchOnLeaving(): void {
  for (const { ids, name, kind } of unsent.value) {
    api.assignOnLeaving(maskOf(ids, count.value), name!, 'review', kind)
  }
}
