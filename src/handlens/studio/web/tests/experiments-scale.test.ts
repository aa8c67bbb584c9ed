import { describe, expect, it, test } from 'vitest'
import { figure, placeOf, scaleOf, signed, ticksOf, valueAt } from '../src/experiments/scale'

describe('a scale', () => {
  it('holds the finite numbers', () => {
    expect(scaleOf([3, Number.NaN, 1, Number.POSITIVE_INFINITY, 2])).toEqual({ low: 1, high: 3, log: false })
  })
  it('leaves out what has no logarithm', () => {
    expect(scaleOf([0, -1, 0.01, 10], true)).toEqual({ low: 0.01, high: 10, log: true })
  })
  it('has room around one number', () => {
    expect(scaleOf([4, 4])).toEqual({ low: 2, high: 6, log: false })
    expect(scaleOf([0])).toEqual({ low: -0.5, high: 0.5, log: false })
    expect(scaleOf([100], true)).toEqual({ low: 10, high: 1000, log: true })
  })
  it('exists without numbers', () => {
    expect(scaleOf([])).toEqual({ low: 0, high: 1, log: false })
    expect(scaleOf([-1], true)).toEqual({ low: 1, high: 10, log: true })
  })
  it('places numbers by equal steps or equal ratios, and finds them again', () => {
    const even = { low: 2, high: 6, log: false }
    expect([2, 3, 6].map((v) => placeOf(even, v))).toEqual([0, 0.25, 1])
    expect(valueAt(even, 0.25)).toBe(3)
    const log = { low: 0.001, high: 10, log: true }
    expect(placeOf(log, 0.1)).toBeCloseTo(0.5, 12)
    expect(valueAt(log, 0.5)).toBeCloseTo(0.1, 12)
  })
})

test.each([
  [{ low: 0, high: 1, log: false }, 6, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [{ low: 0, high: 0.3, log: false }, 4, [0, 0.1, 0.2, 0.3]],
  [{ low: -1, high: 1, log: false }, 5, [-1, -0.5, 0, 0.5, 1]],
  [{ low: 1, high: 15, log: false }, 4, [5, 10, 15]],
  [{ low: 1e-4, high: 1e-2, log: true }, 4, [1e-4, 1e-3, 1e-2]],
  [{ low: 1e-4, high: 1e-2, log: true }, 8, [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2]],
  [{ low: 1e-8, high: 1, log: true }, 5, [1e-8, 1e-6, 1e-4, 1e-2, 1]],
  [{ low: 2, high: 4, log: true }, 3, [2, 3, 4]],
])('round numbers of %o, %i at most', (scale, most, ticks) => expect(ticksOf(scale, most)).toEqual(ticks))

test.each([
  [0.123456, '0.1235'],
  [0, '0'],
  [12, '12'],
  [123456, '123456'],
  [1234567, '1.235e6'],
  [0.0001, '0.0001'],
  [0.00001, '1e−5'],
  [-0.5, '−0.5'],
  [Number.NaN, 'not a number'],
  [Number.NEGATIVE_INFINITY, '−∞'],
])('%d is written %s', (value, text) => expect(figure(value)).toBe(text))

test('differences have a sign', () => expect([0.25, -0.25, 0].map(signed)).toEqual(['+0.25', '−0.25', '0']))
