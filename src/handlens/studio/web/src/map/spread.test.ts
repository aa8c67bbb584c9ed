import { describe, expect, it } from 'vitest'
import { spread } from './spread'

const places = (...xy: number[]): Float32Array => Float32Array.from(xy)
const all = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i)

/** Numbers from 0 to 1 that look random, the same for the same seed (Park & Miller 1988). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

/** Photos in groups, with some in the same place and some far away, as maps have them. */
function groups(n: number, seed: number): Float32Array {
  const next = numbers(seed)
  const xy = new Float32Array(2 * n)
  for (let i = 0; i < n; i++) {
    const group = Math.floor(4 * next())
    const wide = [0.02, 0.2, 0.5, 1][group]!
    xy[2 * i] = Math.cos(group) + wide * (next() + next() - 1)
    xy[2 * i + 1] = Math.sin(group) + wide * (next() + next() - 1)
    if (i > 0 && next() < 0.1) xy.copyWithin(2 * i, 2 * i - 2, 2 * i)
  }
  return xy
}

const moved = (from: Float32Array, to: (id: number) => number, spreadOut: Float32Array): number => {
  const n = from.length / 2
  let sum = 0
  for (let id = 0; id < n; id++) {
    const at = to(id)
    sum += Math.hypot(from[2 * id]! - spreadOut[2 * at]!, from[2 * id + 1]! - spreadOut[2 * at + 1]!)
  }
  return sum / n
}

describe('a spread', () => {
  it('gives four photos of a square the cells of their corners', () => {
    // 1.3 × 4 cells, rounded up to whole rows: 2 columns and 3 rows over the square from (0, 0) to (1, 1).
    const { positions, width, height } = spread(places(0, 0, 1, 0, 0, 1, 1, 1), all(4), 1)
    expect([width, height]).toEqual([1 / 2, 1 / 3])
    expect([...positions].map((v) => Math.round(v * 12))).toEqual([3, 2, 9, 2, 3, 10, 9, 10])
  })
  it('sends those nearest to the line over it where one half is full', () => {
    // Five photos on a line of 7 cells: the first three cells hold three of the four on the left.
    const { positions } = spread(places(0, 0, 0.1, 0, 0.2, 0, 0.3, 0, 1, 0), all(5), 0.2)
    const x = [0, 1, 2, 3, 4].map((id) => positions[2 * id]!)
    expect([...x].sort((a, b) => a - b)).toEqual(x)
    expect(new Set(x).size).toBe(5)
  })
  it('leaves one photo where it is, and none without a place', () => {
    expect([...spread(places(0.25, 0.5), all(1), 1).positions]).toEqual([0.25, 0.5])
    expect(spread(places(1, 1, 2, 2), [], 1).positions.every(Number.isNaN)).toBe(true)
  })
  it('leaves out photos that are not asked for', () => {
    const { positions } = spread(places(0, 0, 1, 1, 2, 2), [0, 2], 1)
    expect([0, 1, 2].map((id) => Number.isNaN(positions[2 * id]!))).toEqual([false, true, false])
  })
  it('gives photos in one place cells of their own', () => {
    const { positions } = spread(new Float32Array(20).fill(0.5), all(10), 1)
    expect(new Set(Array.from({ length: 10 }, (_, id) => `${positions[2 * id]} ${positions[2 * id + 1]}`)).size).toBe(
      10,
    )
  })
  it('is the same for the same photos in another order', () => {
    const xy = groups(300, 5)
    expect(spread(xy, all(300).reverse(), 1.5).positions).toEqual(spread(xy, all(300), 1.5).positions)
  })
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('gives every photo a cell of its own, near its place (seed %i)', (seed) => {
    const next = numbers(100 + seed)
    const n = 2 + Math.floor(700 * next())
    const xy = groups(n, seed)
    const { positions, width, height } = spread(xy, all(n), 0.5 + next())
    const cells = all(n).reduce((seen, id) => {
      const [x, y] = [positions[2 * id]!, positions[2 * id + 1]!]
      expect(Number.isFinite(x + y)).toBe(true)
      return seen.add(`${Math.round(x / (width / 2))} ${Math.round(y / (height / 2))}`)
    }, new Set<string>())
    expect(cells.size).toBe(n)
    // Photos in any other order of the same cells would move much farther.
    if (n > 50) {
      const random = moved(xy, (id) => (id * 7919 + 13) % n, positions)
      expect(moved(xy, (id) => id, positions)).toBeLessThan(0.45 * random)
    }
  })
  it('moves photos less than a cell that already have a cell each', () => {
    const [columns, rows] = [13, 10]
    const xy = Float32Array.from(
      { length: 2 * columns * rows },
      (_, i) => (i % 2 ? Math.floor(i / 2 / columns) : (i >> 1) % columns) / 1,
    )
    const { positions, width, height } = spread(xy, all(columns * rows), 1)
    for (let id = 0; id < columns * rows; id++) {
      expect(Math.abs(positions[2 * id]! - xy[2 * id]!)).toBeLessThan(1.5 * width)
      expect(Math.abs(positions[2 * id + 1]! - xy[2 * id + 1]!)).toBeLessThan(1.5 * height)
    }
  })
})
