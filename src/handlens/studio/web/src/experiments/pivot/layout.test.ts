import { expect, test } from 'vitest'
import type { RawPivot } from '../server'
import { columnOf, runsOf } from '../state/table'
import { conditionsOf, headsOf, inWords, layOut, valuesOf } from './layout'

const RAW: RawPivot = {
  version: 1,
  labels: { layers: [[100], [200]], bn: [false, true], ps: ['0 to 0.2', '0.3 to 0.5', '(not asked)'] },
  key: { layers: [0, 0, 1], bn: [1, 0, 0], ps: [0, 2, 1] },
  runs: [[1, 2], [3], [4, 5]],
  count: [2, 0, 1],
  combinations: [1, 0, 1],
  missing: [0, 1, 1],
  why_missing: ['', '1 failed', '1 pruned'],
  mean: [0.5, null, 0.25],
  median: [0.5, null, 0.25],
  best: [0.4, null, 0.25],
  sd: [0.1, null, null],
  low: [0.3, null, null],
  high: [0.7, null, null],
  difference: [0, null, -0.25],
  difference_low: [null, null, -0.5],
  difference_high: [null, null, 0.1],
  pairs: [0, 0, 1],
  p_adjusted: [null, null, 0.4],
  verdict: ['baseline', 'too few runs', 'chance could explain it'],
  notes: [],
}
const AXES = { rows: ['layers', 'bn'], columns: ['ps'] }
const LAYOUT = layOut(RAW, AXES)

test('cells lie where their choices meet', () => {
  expect(LAYOUT.rows).toEqual([
    [0, 0],
    [0, 1],
    [1, 0],
  ])
  expect(LAYOUT.columns).toEqual([[0], [1], [2]])
  expect(LAYOUT.cells.map((row) => row.map((cell) => cell?.runs ?? null))).toEqual([
    [null, null, [3]],
    [[1, 2], null, null],
    [null, [4, 5], null],
  ])
  expect(LAYOUT.cells[2]![1]).toEqual({
    codes: [1, 0, 1],
    runs: [4, 5],
    count: 1,
    missing: 1,
    whyMissing: '1 pruned',
    numbers: { mean: 0.25, median: 0.25, best: 0.25, sd: null, count: 1 },
    low: null,
    high: null,
    versus: { difference: -0.25, low: -0.5, high: 0.1, pairs: 1, verdict: 'chance could explain it' },
  })
})

test('without a baseline nothing is compared', () => {
  const raw = { ...RAW, difference: null, difference_low: null, difference_high: null, pairs: null, verdict: null }
  expect(layOut(raw, AXES).cells[2]![1]!.versus).toBeNull()
})

test('without columns there is one', () => {
  const one = layOut({ ...RAW, key: { layers: [0, 0, 1], bn: [1, 0, 0] } }, { rows: ['layers', 'bn'], columns: [] })
  expect(one.columns).toEqual([[]])
  expect(one.cells.map((row) => row.length)).toEqual([1, 1, 1])
})

test('heads reach over neighbours of the same value', () => {
  expect(headsOf(LAYOUT.rows, 0)).toEqual([{ code: 0, span: 2 }, null, { code: 1, span: 1 }])
  expect(headsOf(LAYOUT.rows, 1)).toEqual([
    { code: 0, span: 1 },
    { code: 1, span: 1 },
    { code: 0, span: 1 },
  ])
})

test('a cell is said in words', () => {
  const values = valuesOf(LAYOUT, LAYOUT.cells[2]![1]!)
  expect(values).toEqual({ layers: [200], bn: false, ps: '0.3 to 0.5' })
  expect(inWords(values)).toBe('layers [200], bn no, ps 0.3 to 0.5')
})

test('the runs of a cell are found by conditions', () => {
  const runs = runsOf(
    [1, 2, 3, 4, 5],
    [
      columnOf('layers', 'choice', [[100], [100], [100], [200], [200]]),
      columnOf('bn', 'choice', [true, true, false, false, false]),
      columnOf('ps', 'choice', [0.1, 0.2, null, 0.3, 0.5]),
    ],
  )
  expect(conditionsOf(LAYOUT, LAYOUT.cells[2]![1]!, runs)).toEqual([
    { column: 'layers', is: 'in', values: [[200]] },
    { column: 'bn', is: 'in', values: [false] },
    { column: 'ps', is: 'least', value: 0.3 },
    { column: 'ps', is: 'most', value: 0.5 },
  ])
  expect(conditionsOf(LAYOUT, LAYOUT.cells[0]![2]!, runs)[2]).toEqual({ column: 'ps', is: 'in', values: [null] })
})
