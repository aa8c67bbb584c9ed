import { expect, test } from 'vitest'
import { type DrawOrderInput, drawOrder, topmostAt } from './draw-order'

const standing = (changes: Partial<DrawOrderInput> = {}): DrawOrderInput => ({
  order: Int32Array.from([3, 1, 0, 2]),
  positions: new Float32Array(8),
  shown: new Uint8Array(4).fill(1),
  selected: new Uint8Array(4),
  marks: new Int16Array(4).fill(-1),
  alpha: null,
  ...changes,
})
const lists = (s: DrawOrderInput) => {
  const { opaque, selected, faded } = drawOrder(s)
  return [[...opaque], selected, [...faded]]
}

test('without labels photos lie in prepare order, the first on top', () => {
  expect(lists(standing())).toEqual([[3, 1, 0, 2], 0, []])
})

test('selected photos lie above labelled ones, those above the rest', () => {
  const selected = Uint8Array.from([0, 0, 1, 0])
  const marks = Int16Array.from([4, -1, -1, -1])
  expect(lists(standing({ selected, marks }))).toEqual([[2, 0, 3, 1], 1, []])
})

test('photos hidden or without a place are not drawn', () => {
  const positions = new Float32Array([0, 0, NaN, NaN, 0, 0, 0, 0])
  expect(lists(standing({ shown: Uint8Array.from([1, 1, 1, 0]), positions }))).toEqual([[0, 2], 0, []])
})

test('faded photos are drawn lowest first, wholly faded ones not at all, selected ones never faded', () => {
  const alpha = Float32Array.from([0.5, 0.2, 0, 0.9])
  expect(lists(standing({ alpha }))).toEqual([[], 0, [0, 1, 3]])
  expect(lists(standing({ alpha, selected: Uint8Array.from([0, 0, 1, 0]) }))).toEqual([[2], 1, [0, 1, 3]])
})

test('the topmost photo under the point is picked: opaque ones before faded ones', () => {
  const positions = new Float32Array([0, 0, 0.5, 0, 10, 10, 0, 0])
  const half = (): [number, number] => [1, 0.5]
  const all = drawOrder(standing({ positions }))
  expect(topmostAt(all, positions, half, 0.2, 0)).toBe(3)
  expect(topmostAt(all, positions, half, 1.3, 0.4)).toBe(1)
  expect(topmostAt(all, positions, half, 1.3, 0.6)).toBe(-1)
  const faded = drawOrder(standing({ positions, alpha: Float32Array.from([0.5, 1, 1, 0.5]) }))
  expect(topmostAt(faded, positions, half, 0.2, 0)).toBe(1)
  expect(topmostAt(faded, positions, half, -0.8, 0)).toBe(3)
})
