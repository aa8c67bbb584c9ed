// What a person does to runs. Marks can be taken back; what cannot is asked before.

import { call } from '../../server/http'
import { ask } from '../../state/dialogs'
import { attempt, say } from '../../state/messages'
import { owned } from '../../state/owned'
import { number, plural } from '../../text/format'
import { select } from '../state/looked-at'
import { adjust, place } from '../state/place'
import { lost, refreshNow, runs } from '../state/study'
import { valueIn } from '../state/table'
import { saidOf } from '../status'
import { allHave, byValue, type Done, outcome, withResults } from './which'

type Mark = 'star' | 'hidden' | 'note'
type Ids = readonly number[]

/** The runs whose note is being written; null: none. */
const [noting, setNoting] = owned<Ids | null>(null)

export { noting }

export const openNote = (ids: Ids): void => setNoting(ids)
export const closeNote = (): void => setNoting(null)

const change = (ids: Ids, mark: Mark, value: string | boolean): Promise<Done> =>
  call('patch', '/api/runs', {}, { runs: [...ids], [mark]: value })

/** Marks runs, and offers to give them back what they had. */
async function mark(ids: Ids, which: Mark, value: string | boolean, did: string): Promise<void> {
  const before = byValue(runs.value, ids, which)
  await attempt(async () => {
    const done = await change(ids, which, value)
    await refreshNow()
    say(outcome(done, did), 'note', [{ name: 'Undo', run: () => void takeBack(which, before) }])
  }, 'This could not be saved: ')
}

async function takeBack(which: Mark, before: readonly [value: unknown, ids: Ids][]): Promise<void> {
  await attempt(async () => {
    for (const [value, ids] of before) await change(ids, which, which === 'note' ? String(value ?? '') : value === true)
    await refreshNow()
    say('Taken back.')
  }, 'This could not be taken back: ')
}

export function toggleStar(ids: Ids): void {
  const on = !allHave(runs.value, ids, 'star')
  void mark(ids, 'star', on, on ? 'starred' : 'without a star now')
}

export function toggleHidden(ids: Ids): void {
  const on = !allHave(runs.value, ids, 'hidden')
  void mark(ids, 'hidden', on, on ? 'hidden' : 'shown again')
}

export function setNote(ids: Ids, text: string): void {
  void mark(ids, 'note', text, text ? 'noted' : 'without a note now')
}

async function send(work: () => Promise<Done>, did: string): Promise<Ids> {
  let done: Ids = []
  await attempt(async () => {
    const answer = await work()
    done = answer.done
    await refreshNow()
    say(outcome(answer, did))
  }, 'This could not be done: ')
  return done
}

export const stop = (ids: Ids): Promise<Ids> => {
  const training = ids.filter((id) => saidOf(String(valueIn(runs.value, 'status', id)), id, lost.value) === 'running')
  const did =
    training.length === 0
      ? 'stopped'
      : training.length === ids.length
        ? 'will stop after the current epoch'
        : `stopped, ${number(training.length)} of them after the current epoch`
  return send(() => call('post', '/api/runs/stop', {}, { runs: [...ids] }), did)
}

/** Lets runs be trained again; those that have results are asked about before. */
export async function requeue(ids: Ids): Promise<void> {
  const lost = withResults(runs.value, ids).length
  if (lost > 0) {
    const answer = await ask({
      title: `Train ${plural(ids.length, 'run')} again?`,
      text: `${plural(lost, 'run')} of them ended with a result: its epochs and number are deleted, and the training begins again with the same seed. This cannot be undone.`,
      answers: ['Train again'],
    })
    if (answer === null) return
  }
  await send(
    () => call('post', '/api/runs/requeue', {}, { runs: [...ids] }),
    'queued: the next free process takes them',
  )
}

/** Deletes runs, after a question. */
export async function remove(ids: Ids): Promise<void> {
  const answer = await ask({
    title: `Delete ${plural(ids.length, 'run')}?`,
    text: `What ${ids.length === 1 ? 'it' : 'they'} recorded is deleted, with log, checkpoint and files. Means and intervals are then computed without ${ids.length === 1 ? 'it' : 'them'}. This cannot be undone; “Hide” can.`,
    answers: ['Delete'],
  })
  if (answer === null) return
  const gone = new Set(await send(() => call('post', '/api/runs/delete', {}, { runs: [...ids] }), 'deleted'))
  select(place.value.selected.filter((id) => !gone.has(id)))
  if (gone.has(place.value.run ?? -1)) adjust({ run: null })
}
