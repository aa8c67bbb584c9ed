import { describe, expect, it, test } from 'vitest'
import { sum } from './convolve'
import { PRESETS, parseNumber } from './presets'

const values = (id: string): number[] => PRESETS.find((p) => p.id === id)!.numbers.map((n) => parseNumber(n)!)

test('each kernel has nine numbers, each a name of its own', () => {
  for (const { numbers } of PRESETS) {
    expect(numbers).toHaveLength(9)
    expect(numbers.map(parseNumber)).not.toContain(null)
  }
  expect(new Set(PRESETS.map((p) => p.id)).size).toBe(PRESETS.length)
  expect(new Set(PRESETS.map((p) => p.numbers.join())).size).toBe(PRESETS.length)
})

test('the bottom right edge is [[0, −5/3, 1], [−5/3, −5/3, 1], [1, 1, 1]] / 6', () => {
  const expected = [0, -5 / 3, 1, -5 / 3, -5 / 3, 1, 1, 1, 1].map((k) => k / 6)
  for (const [i, k] of values('bottom-right-edge').entries()) expect(k).toBeCloseTo(expected[i]!, 15)
})

test('kernels for edges give nothing on a plain ground, the others keep its tone', () => {
  for (const { id } of PRESETS) expect(sum(values(id)), id).toBeCloseTo(/edge|outline/.test(id) ? 0 : 1, 12)
})

describe('a number of a kernel', () => {
  it.each([
    ['0', 0],
    ['-2', -2],
    ['−2', -2],
    ['+.5', 0.5],
    ['1.', 1],
    [' 1 / 16 ', 1 / 16],
    ['-5/18', -5 / 18],
    ['1000', 1000],
    ['-0', 0],
  ])('%j is %d', (text, value) => expect(parseNumber(text)).toBe(value))
  it.each(['', '-', '.', 'one', '1/0', '0/0', '1e3', '1001', '1/2/3', '--1', '0x10', 'Infinity'])(
    '%j is not a number',
    (text) => expect(parseNumber(text)).toBeNull(),
  )
})
