import { expect, test } from 'vitest'
import { columnOf, runsOf } from '../state/table'
import { arranged, nextSorting, sorted } from './order'

const RUNS = runsOf(
  [1, 2, 3, 4, 5],
  [columnOf('value', 'fact', [0.3, null, 0.1, 0.3, 0.2]), columnOf('name', 'choice', ['b', 'a', 'b10', 'b9', null])],
)
const ALL = [0, 1, 2, 3, 4]

test('runs are sorted, equal ones as they came, missing ones last', () => {
  expect(sorted(RUNS, ALL, { column: 'value', descending: false })).toEqual([2, 4, 0, 3, 1])
  expect(sorted(RUNS, ALL, { column: 'value', descending: true })).toEqual([0, 3, 4, 2, 1])
  expect(sorted(RUNS, [3, 2, 0], { column: 'name', descending: false })).toEqual([0, 3, 2])
})

test('without a column to sort by they stay as they are', () => {
  expect(sorted(RUNS, [4, 2], null)).toEqual([4, 2])
  expect(sorted(RUNS, [4, 2], { column: 'gone', descending: true })).toEqual([4, 2])
})

test('the head of a column sorts up, down, and not at all', () => {
  const up = nextSorting(null, 'ps')
  expect(up).toEqual({ column: 'ps', descending: false })
  const down = nextSorting(up, 'ps')
  expect(down).toEqual({ column: 'ps', descending: true })
  expect(nextSorting(down, 'ps')).toBeNull()
  expect(nextSorting(down, 'rate')).toEqual({ column: 'rate', descending: false })
})

test('choices come before what came out of them', () => {
  const columns = [
    columnOf('combination', 'fact', [0]),
    columnOf('seed', 'fact', [0]),
    columnOf('status', 'fact', ['finished']),
    columnOf('star', 'fact', [false]),
    columnOf('value', 'fact', [0.1]),
    columnOf('bumpiness', 'fact', [0.2]),
    columnOf('ps', 'choice', [0.5]),
    columnOf('layers', 'choice', [[200]]),
    columnOf('valid_loss', 'number', [0.1]),
  ]
  expect(arranged(columns).map(({ name }) => name)).toEqual([
    'status',
    'combination',
    'ps',
    'layers',
    'value',
    'bumpiness',
    'valid_loss',
    'seed',
  ])
})
