import { describe, expect, it } from 'vitest'
import { cellsOf, questionOf } from '../src/experiments/compare/answer'
import { apart, byAtFirst, choiceRows, frameOfEnds, groupsOf, meanOf, pairsOf } from '../src/experiments/compare/groups'
import { columnOf, runsOf } from '../src/experiments/state/table'

// Combination 4 with seeds 0 and 1, 7 with seeds 0, 1 and 2 (of which the last failed), and a confirming run of 7.
const RUNS = runsOf(
  [1, 2, 3, 4, 5, 6],
  [
    columnOf('combination', 'fact', [4, 4, 7, 7, 7, 7]),
    columnOf('phase', 'fact', ['study', 'study', 'study', 'study', 'study', 'confirm']),
    columnOf('seed', 'fact', [0, 1, 0, 1, 2, 1000]),
    columnOf('split', 'fact', [0, 0, 0, 0, 0, 0]),
    columnOf('value', 'fact', [5, 7, 4, 8, null, 1]),
    columnOf('layers', 'choice', [[200], [200], [1000], [1000], [1000], [1000]]),
    columnOf('ps', 'choice', [0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),
    columnOf('other', 'choice', [null, null, null, null, null, null]),
  ],
)

describe('what is compared', () => {
  it('is combinations with all their runs of the study, if runs of several are selected', () => {
    expect(byAtFirst(RUNS, [1, 3])).toBe('combinations')
    const [a, b] = groupsOf(RUNS, [3, 1, 4], 'combinations')
    expect(a).toEqual({ id: 7, name: 'Combination 7', letter: 'A', runs: [3, 4, 5] })
    expect(b).toEqual({ id: 4, name: 'Combination 4', letter: 'B', runs: [1, 2] })
  })
  it('is otherwise single runs', () => {
    expect(byAtFirst(RUNS, [1, 2])).toBe('runs')
    expect(groupsOf(RUNS, [2, 99, 1], 'runs').map(({ id, runs }) => [id, runs])).toEqual([
      [2, [2]],
      [1, [1]],
    ])
  })
  it('is ten at the most', () => {
    const ids = Array.from({ length: 12 }, (_, i) => i + 1)
    const many = runsOf(ids, [
      columnOf('combination', 'fact', ids),
      columnOf(
        'phase',
        'fact',
        ids.map(() => 'study'),
      ),
    ])
    expect(groupsOf(many, ids, 'combinations')).toHaveLength(10)
    expect(groupsOf(many, ids, 'runs')).toHaveLength(10)
  })
})

it('choices that differ are told from those that are the same', () => {
  const of = choiceRows(RUNS, groupsOf(RUNS, [1, 3], 'combinations'), 'combinations')
  expect(of).toEqual([
    { name: 'layers', values: [[200], [1000]], differs: true },
    { name: 'ps', values: [0.1, 0.1], differs: false },
  ])
  const names = choiceRows(RUNS, groupsOf(RUNS, [1, 2], 'runs'), 'runs').filter(({ differs }) => differs)
  expect(names.map(({ name }) => name)).toEqual(['seed'])
})

it('runs are paired by seed and split, those without a number left out', () => {
  const [baseline, group] = groupsOf(RUNS, [1, 3], 'combinations')
  expect(pairsOf(RUNS, group!, baseline!, 'value')).toEqual([
    { seed: 0, split: 0, difference: -1 },
    { seed: 1, split: 0, difference: 1 },
  ])
})

it('the mean curve goes as far as all curves do', () => {
  expect([...meanOf([Float32Array.of(1, 2, 3), Float32Array.of(3, 6)])]).toEqual([2, 4])
  expect([...meanOf([])]).toEqual([])
})

it('the frame holds all but the first third of the epochs', () => {
  const curves = [Float32Array.of(9, 8, 3, 2, 1, 1), Float32Array.of(9, 7, 4)]
  expect(frameOfEnds(curves)).toEqual({ low: 1, high: 4, log: false })
  expect(frameOfEnds([])).toEqual({ low: 0, high: 1, log: false })
})

it('letters that would lie over each other are moved apart', () => {
  expect(apart([10, 12, 11, 50, Number.NaN], 5)).toEqual([10, 20, 15, 50, Number.NaN])
})

it('the server is asked for a pivot of these combinations, and its cells are found by combination', () => {
  const groups = groupsOf(RUNS, [1, 3], 'combinations')
  expect(questionOf('made', groups, groups[1]!, 'value')).toEqual({
    study: 'made',
    rows: ['combination'],
    columns: [],
    values: 'value',
    baseline: { combination: 7 },
    runs: [1, 2, 3, 4, 5],
  })
  const none = [null, null]
  const cells = cellsOf({
    version: 1,
    runs: [
      [1, 2],
      [3, 4, 5],
    ],
    combinations: [1, 1],
    median: none,
    best: none,
    sd: none,
    p_adjusted: none,
    low: none,
    high: none,
    labels: { combination: [4, 7] },
    key: { combination: [0, 1] },
    count: [2, 2],
    missing: [0, 1],
    why_missing: ['', '1 failed'],
    mean: [6, 6],
    difference: [0, null],
    difference_low: [null, null],
    difference_high: [null, null],
    pairs: [2, 2],
    verdict: ['chance could explain it', 'baseline'],
    notes: [],
  })
  expect(cells.get(7)).toEqual({
    count: 2,
    missing: 1,
    whyMissing: '1 failed',
    mean: 6,
    difference: null,
    low: null,
    high: null,
    verdict: 'baseline',
  })
  expect(cells.get(4)!.verdict).toBe('chance could explain it')
})
