import { describe, expect, it, test } from 'vitest'
import { choicesOf, columnOf, compare, find, type Json, levelsOf, merged, numbersOf, runsOf, valueIn } from './table'

describe('the order of values', () => {
  it('is that of numbers, text, lists, and what is missing last', () => {
    const values: Json[] = [null, [200, 100], 'b10', 'b9', 3, -1, [200, 50], [200], true, 'a', false]
    expect(values.toSorted(compare)).toEqual([false, true, -1, 3, 'a', 'b9', 'b10', [200], [200, 50], [200, 100], null])
  })
})

test('levels are the different values, lists too', () => {
  expect(levelsOf(columnOf('layers', 'choice', [[2], [1, 2], null, [2], [1, 2]]))).toEqual([[1, 2], [2], null])
})

test('a column of numbers may lack some, but not all', () => {
  expect(columnOf('ps', 'choice', [0.1, null]).numeric).toBe(true)
  expect(columnOf('ps', 'choice', [0.1, 'x']).numeric).toBe(false)
  expect(columnOf('ps', 'choice', [null]).numeric).toBe(false)
})

test('columns are found by what they are', () => {
  const runs = runsOf(
    [4, 7],
    [
      columnOf('status', 'fact', ['finished', 'failed']),
      columnOf('ps', 'choice', [0.1, 0.2]),
      columnOf('valid_loss', 'number', [1.5, null]),
      columnOf('never', 'number', [null, null]),
    ],
  )
  expect(choicesOf(runs)).toEqual(['ps'])
  expect(numbersOf(runs)).toEqual(['valid_loss'])
  expect(find(runs, 'ps')!.values).toEqual([0.1, 0.2])
  expect(valueIn(runs, 'status', 7)).toBe('failed')
  expect(valueIn(runs, 'status', 5)).toBeNull()
  expect(valueIn(runs, 'none', 7)).toBeNull()
})

test('changed runs take the place of what was known of them', () => {
  const before = runsOf([1, 2, 3], [columnOf('status', 'fact', ['running', 'finished', 'failed'])])
  const changed = runsOf(
    [1, 4],
    [columnOf('status', 'fact', ['finished', 'waiting']), columnOf('loss', 'number', [0.5, null])],
  )
  const now = merged(before, changed, [3, 9])
  expect(now.ids).toEqual([1, 2, 4])
  expect(find(now, 'status')!.values).toEqual(['finished', 'finished', 'waiting'])
  expect(find(now, 'loss')).toEqual(columnOf('loss', 'number', [0.5, null, null]))
  expect(now.places.get(4)).toBe(2)
})
