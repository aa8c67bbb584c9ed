import { expect, test } from 'vitest'
import { changedIds } from './changed'

test('the positions that differ are found, in pairs and at the end', () => {
  const before = Int16Array.of(0, 1, 2, 3, 4, 5, 6)
  expect(changedIds(before, before.slice())).toEqual([])
  expect(changedIds(before, Int16Array.of(0, -1, 2, 3, 7, 8, 9))).toEqual([1, 4, 5, 6])
  expect(changedIds(Int32Array.of(1, 2, 3), Int32Array.of(1, -2, 3))).toEqual([1])
  expect(changedIds(new Int16Array(0), new Int16Array(0))).toEqual([])
})

test('arrays of other lengths or kinds cannot be compared', () => {
  expect(changedIds(new Int16Array(4), new Int16Array(5))).toBeNull()
  expect(changedIds(new Int16Array(4), new Int32Array(4))).toBeNull()
})
