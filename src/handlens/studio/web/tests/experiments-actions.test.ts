import { describe, expect, it, test } from 'vitest'
import {
  allHave,
  byValue,
  deletable,
  noteOf,
  outcome,
  queueable,
  stoppable,
  withResults,
} from '../src/experiments/actions/which'
import { countOf, failuresOf, progressOf } from '../src/experiments/banners/progress'
import { columnOf, runsOf } from '../src/experiments/state/table'
import { saidOf } from '../src/experiments/status'

const STATUSES = ['waiting', 'running', 'finished', 'failed', 'pruned', 'stopped', 'running']
const RUNS = runsOf(
  [1, 2, 3, 4, 5, 6, 7],
  [
    columnOf('status', 'fact', STATUSES),
    columnOf('stop', 'fact', [false, true, false, false, false, true, false]),
    columnOf('star', 'fact', [true, true, false, false, false, false, false]),
    columnOf('note', 'fact', ['good', 'good', null, null, 'bad', null, null]),
    columnOf('seconds', 'fact', [0, 1, 60, 5, 5, 5, 0]),
    columnOf('started', 'fact', [null, 1000, 900, 900, 900, 900, 980]),
    columnOf('error', 'fact', [null, null, null, 'ValueError: no', null, null, null]),
  ],
)
const ALL = RUNS.ids
const NOTHING: ReadonlySet<number> = new Set()
const NONE = { lost: [], to_come: 0 }

describe('what can be done depends on the status', () => {
  it.each([
    ['stopped', stoppable, [1, 7]],
    ['trained again', queueable, [3, 4, 5, 6]],
    ['trained again with a result lost', withResults, [3, 5]],
    ['deleted', deletable, [1, 3, 4, 5, 6]],
  ] as const)('%s', (_, of, ids) => expect(of(RUNS, ALL, NOTHING)).toEqual(ids))
  it('a run whose process is gone can be stopped, trained again and deleted', () => {
    const lost = new Set([2, 3, 7])
    expect(stoppable(RUNS, [7])).toEqual([7])
    expect(queueable(RUNS, [1, 2, 7], lost)).toEqual([2, 7])
    expect(deletable(RUNS, [2, 7], lost)).toEqual([2, 7])
    expect(['running', 'stopped'].map((status) => saidOf(status, 7, lost))).toEqual(['cut off', 'stopped'])
    expect(saidOf('running', 8, lost)).toBe('running')
    expect(['running', 'waiting'].map((status) => saidOf(status, 8, lost, true))).toEqual(['stopping', 'waiting'])
  })
})

test('a mark that all have is taken away', () => {
  expect(allHave(RUNS, [1, 2], 'star')).toBe(true)
  expect(allHave(RUNS, [1, 3], 'star')).toBe(false)
  expect(allHave(RUNS, [], 'star')).toBe(false)
})

test('a note is shown that all have', () => {
  expect(noteOf(RUNS, [1, 2])).toBe('good')
  expect(noteOf(RUNS, [1, 5])).toBe('')
  expect(noteOf(RUNS, [3, 4])).toBe('')
})

test('what was there before is given back to those who had it', () => {
  expect(byValue(RUNS, [1, 3, 2, 99], 'note')).toEqual([
    ['good', [1, 2]],
    [null, [3]],
  ])
})

test.each([
  [[1, 2], [], '2 runs starred.'],
  [[1], [3, 4], '1 run starred. Not 2: it is being trained.'],
  [[], [3], 'Not 1: it is being trained.'],
])('done to %j and not to %j', (done, left, text) =>
  expect(outcome({ done, left: left.map((run) => ({ run, reason: 'it is being trained' })) }, 'starred')).toBe(text),
)

describe('progress', () => {
  it('counts, and guesses what is left from the runs that finished', () => {
    // At 1060 both take longer than the usual 60 s, so that only the run that waits is left, for two processes.
    expect(progressOf(RUNS, 1060, NONE)).toMatchObject({ running: 2, waiting: 1, lost: 0, ended: 4, total: 7 })
    expect(progressOf(RUNS, 1060, NONE).secondsLeft).toBe(30)
    expect(progressOf(RUNS, 1000, NONE).secondsLeft).toBe((60 + 60 + 40) / 2)
  })
  it('counts what is still to be chosen, and what its process left behind', () => {
    // Of the two, run 2 has lost its process: it and the three to come are left for one process.
    const found = progressOf(RUNS, 1060, { lost: [2, 3], to_come: 3 })
    expect(found).toEqual({ running: 1, waiting: 1, lost: 1, ended: 4, total: 10, secondsLeft: 60 * (1 + 1 + 3) })
  })
  it('takes the mean of those that finished: a few long ones take most of the time', () => {
    const runs = runsOf(
      [1, 2, 3, 4, 5],
      [
        columnOf('status', 'fact', ['finished', 'finished', 'finished', 'running', 'waiting']),
        columnOf('seconds', 'fact', [10, 10, 100, 0, 0]),
        columnOf('started', 'fact', [0, 0, 0, 1000, null]),
      ],
    )
    expect(progressOf(runs, 1000, NONE).secondsLeft).toBe(80)
  })
  it('does not guess without a finished run, or when nothing is being trained', () => {
    const of = (statuses: string[]) =>
      runsOf(
        statuses.map((_, i) => i),
        [
          columnOf('status', 'fact', statuses),
          columnOf(
            'seconds',
            'fact',
            statuses.map(() => 9),
          ),
        ],
      )
    expect(progressOf(of(['running', 'failed']), 0, NONE).secondsLeft).toBeNull()
    expect(progressOf(of(['waiting', 'finished']), 0, NONE).secondsLeft).toBeNull()
  })
})

test('failed runs are gathered by their error', () => {
  const runs = runsOf(
    [1, 2, 3, 4],
    [
      columnOf('status', 'fact', ['failed', 'failed', 'failed', 'finished']),
      columnOf('error', 'fact', ['A', 'B', 'B', 'B']),
    ],
  )
  expect(failuresOf(runs)).toEqual([
    { error: 'B', runs: [2, 3] },
    { error: 'A', runs: [1] },
  ])
  expect(countOf(runs, 'failed')).toBe(3)
})
