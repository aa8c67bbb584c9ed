import { expect, test } from 'vitest'
import { boundsOf, boxPolygon, drawnAspect, enclosed, halfSize, insidePolygon, shrunkInto } from './geometry'

const square = [0, 0, 2, 0, 2, 2, 0, 2]
// A C open to the right.
const hollow = [0, 0, 3, 0, 3, 1, 1, 1, 1, 2, 3, 2, 3, 3, 0, 3]

test('a point is inside a polygon drawn either way round', () => {
  expect(insidePolygon(square, 1, 1)).toBe(true)
  expect(insidePolygon([0, 2, 2, 2, 2, 0, 0, 0], 1, 1)).toBe(true)
  for (const [x, y] of [
    [-1, 1],
    [3, 1],
    [1, -1],
    [1, 3],
  ] as const)
    expect(insidePolygon(square, x, y)).toBe(false)
})

test('the hollow of a C is outside', () => {
  expect(insidePolygon(hollow, 2, 1.5)).toBe(false)
  expect(insidePolygon(hollow, 0.5, 1.5)).toBe(true)
  expect(insidePolygon(hollow, 2, 0.5)).toBe(true)
  expect(insidePolygon(hollow, 2, 2.5)).toBe(true)
})

test('a line of sight through corners counts them once', () => {
  const diamond = [0, -1, 1, 0, 0, 1, -1, 0]
  expect(insidePolygon(diamond, 0, 0)).toBe(true)
  expect(insidePolygon(diamond, -2, 0)).toBe(false)
  expect(insidePolygon(diamond, 2, 0)).toBe(false)
  expect(insidePolygon(diamond, 0.9, 0.9)).toBe(false)
})

test('what a lasso goes round twice is enclosed', () => {
  expect(insidePolygon([...square, ...square], 1, 1)).toBe(true)
})

test('a point against the half-planes of random triangles', () => {
  let seed = 1
  const random = () => {
    seed = (seed * 16807) % 2147483647
    return seed / 2147483647
  }
  for (let round = 0; round < 500; round++) {
    const [ax, ay, bx, by, cx, cy, x, y] = Array.from({ length: 8 }, random) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const side = (px: number, py: number, qx: number, qy: number) =>
      Math.sign((qx - px) * (y - py) - (qy - py) * (x - px))
    const sides = [side(ax, ay, bx, by), side(bx, by, cx, cy), side(cx, cy, ax, ay)]
    expect(insidePolygon([ax, ay, bx, by, cx, cy], x, y)).toBe(Math.abs(sides[0]! + sides[1]! + sides[2]!) === 3)
  }
})

test('enclosed takes only the given ids, and none without a place', () => {
  const positions = new Float32Array([1, 1, 5, 5, 1.5, 0.5, NaN, NaN, 0.5, 0.5])
  expect([...enclosed(square, positions, [0, 1, 2, 3], 5)]).toEqual([1, 0, 1, 0, 0])
})

test('a polygon of fewer than three points encloses nothing', () => {
  expect([...enclosed([], new Float32Array([0, 0]), [0], 1)]).toEqual([0])
  expect([...enclosed([-1, -1, 1, 1], new Float32Array([0, 0]), [0], 1)]).toEqual([0])
})

test('a box encloses whichever corner it began at', () => {
  for (const box of [boxPolygon(0, 0, 2, 2), boxPolygon(2, 0, 0, 2), boxPolygon(2, 2, 0, 0)]) {
    expect([...enclosed(box, new Float32Array([1, 1, 3, 1]), [0, 1], 2)]).toEqual([1, 0])
  }
})

test('bounds leave out photos without a place or not in use', () => {
  const points = new Float32Array([0, 1, NaN, NaN, 4, -2, 100, 100])
  expect(boundsOf(points, (id) => id !== 3)).toEqual({ left: 0, right: 4, bottom: -2, top: 1 })
  expect(boundsOf([NaN, NaN])).toBeNull()
})

test('a thumbnail keeps its area and has its true aspect', () => {
  const [width, height] = halfSize(60, 2.25)
  expect(width).toBeCloseTo(45, 12)
  expect(height).toBeCloseTo(20, 12)
  expect(drawnAspect(0)).toBe(1)
  expect(drawnAspect(NaN)).toBe(1)
  expect(drawnAspect(100)).toBe(8)
})

test('in a cell of its own aspect a thumbnail is not drawn smaller, and in any other it fits', () => {
  expect(shrunkInto(1.5, 1.5)).toBe(1)
  for (const [aspect, cell] of [
    [4, 1],
    [1, 4],
    [0.5, 2],
  ] as const) {
    const [width, height] = halfSize(100 * shrunkInto(aspect, cell), aspect)
    const [most, highest] = halfSize(100, cell)
    expect(Math.max(width / most, height / highest)).toBeCloseTo(1, 12)
  }
})
