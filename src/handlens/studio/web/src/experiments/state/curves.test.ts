import { expect, test } from 'vitest'
import { bandOf, type Curves, curvesOf, endsOf, frameOf } from './curves'

const f = (...values: number[]): Float32Array => Float32Array.from(values)

test('runs without a curve are left out', () => {
  const curves: Curves = new Map([
    [
      'valid_loss',
      new Map([
        [1, f(3, 2)],
        [2, f(Number.NaN)],
        [3, f()],
      ]),
    ],
  ])
  expect(curvesOf(curves, 'valid_loss', [1, 2, 3, 4])).toEqual([f(3, 2)])
  expect(curvesOf(curves, 'none', [1])).toEqual([])
})

test('the frame holds the longest curve and the lowest number', () => {
  expect(frameOf([f(4, 2.5), f(3, 2, 1)])).toEqual({ epochs: 3, low: 1, high: 2.5 })
  expect(frameOf([f(4, 2), f(3, 1)])).toEqual({ epochs: 2, low: 1, high: 4 })
  expect(frameOf([f(2, 2)])).toEqual({ epochs: 2, low: 2, high: 4 })
  expect(frameOf([])).toBeNull()
  expect(frameOf([f(Number.NaN)])).toBeNull()
})

test('a few very high numbers do not press the others flat', () => {
  const many = Array.from({ length: 39 }, (_, i) => f(i))
  expect(frameOf([...many, f(1e6)])).toEqual({ epochs: 1, low: 0, high: 38 })
})

test('a band is the middle half of the curves at each epoch', () => {
  expect(bandOf([f(1, 10), f(2, 20), f(3, 30), f(4, 40), f(5, Number.NaN)])).toEqual({
    low: [2, 20],
    middle: [3, 30],
    high: [4, 30],
  })
  expect(bandOf([])).toEqual({ low: [], middle: [], high: [] })
})

test('the ends of a band are its first and its last median', () => {
  expect(endsOf([f(Number.NaN, 1, 10), f(Number.NaN, 2), f(Number.NaN, 3, 30, 7)])).toEqual({
    first: 2,
    last: 7,
    epochs: 3,
  })
  expect(endsOf([f(Number.NaN)])).toBeNull()
  expect(endsOf([])).toBeNull()
})
