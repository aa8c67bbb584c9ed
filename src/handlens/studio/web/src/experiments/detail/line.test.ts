import { expect, test } from 'vitest'
import { lineOf } from './line'

const same = (value: number): number => value

test('a line goes through its points, and stops where there is none', () => {
  expect(lineOf([1, 2, 3, 4], [0.5, 1.25, Number.NaN, 3], (epoch) => 10 * epoch, same)).toBe('M10 0.5h0L20 1.25M40 3h0')
  expect(lineOf([], [], same, same)).toBe('')
})
