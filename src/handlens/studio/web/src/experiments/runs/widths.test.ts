import { expect, test } from 'vitest'
import { rowsSeen, widthOf } from './widths'

test('a column is as wide as its longest text, within limits', () => {
  expect(widthOf('ps', 0, () => '')).toBe(56)
  expect(widthOf('ps', 3, (row) => ['a', 'a text of 20 letters', ''][row]!)).toBe(186)
  expect(widthOf('error', 1, () => 'x'.repeat(400))).toBe(260)
})

test('of many rows only some are measured', () => {
  const asked: number[] = []
  widthOf('ps', 10_000, (row) => {
    asked.push(row)
    return ''
  })
  expect(asked.length).toBe(200)
  expect(asked.at(-1)).toBe(9950)
})

test('the rows seen are drawn, and some before and after them', () => {
  expect(rowsSeen(10_000, 32, 0, 640)).toEqual({ first: 0, end: 32 })
  expect(rowsSeen(10_000, 32, 3200, 640)).toEqual({ first: 88, end: 132 })
  expect(rowsSeen(5, 32, 0, 640)).toEqual({ first: 0, end: 5 })
  expect(rowsSeen(0, 32, 0, 640)).toEqual({ first: 0, end: 0 })
})

test('a window that was scrolled beyond rows that are gone shows the last ones', () => {
  expect(rowsSeen(20, 32, 3200, 640)).toEqual({ first: 8, end: 20 })
})
