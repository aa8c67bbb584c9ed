import { expect, test } from 'vitest'
import { enclosed } from './geometry'
import { GridIndex } from './grid-index'

/** Numbers from 0 to 1 that look random, the same for the same seed (Park & Miller 1988). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

function made(count: number, seed: number): { xy: Float32Array; order: Int32Array; next: () => number } {
  const next = numbers(seed)
  const xy = Float32Array.from({ length: 2 * count }, () => next() + next() - 1)
  for (let id = 0; id < count; id += 17) xy[2 * id] = NaN
  const order = Int32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return { xy, order, next }
}

const found = (index: GridIndex, area: Parameters<GridIndex['within']>[0]): number[] => {
  const ids: number[] = []
  index.within(area, (id) => {
    ids.push(id)
    return true
  })
  return ids.sort((a, b) => a - b)
}

test('a rectangle holds exactly the photos whose centre lies in it', () => {
  const { xy, order, next } = made(3000, 7)
  const index = new GridIndex(xy, order)
  expect(index.count).toBe(3000 - Math.ceil(3000 / 17))
  for (let i = 0; i < 50; i++) {
    const [x, y, width, height] = [2 * next() - 1, 2 * next() - 1, next(), next()]
    const area = { left: x, right: x + width, bottom: y, top: y + height }
    const expected: number[] = []
    for (let id = 0; id < 3000; id++) {
      const [px, py] = [xy[2 * id]!, xy[2 * id + 1]!]
      if (px >= area.left && px <= area.right && py >= area.bottom && py <= area.top) expected.push(id)
    }
    expect(found(index, area)).toEqual(expected)
    expect(index.about(area)).toBeGreaterThanOrEqual(expected.length)
  }
})

test('a polygon of any shape encloses what it does without a grid', () => {
  const { xy, order, next } = made(2000, 3)
  const index = new GridIndex(xy, order)
  const use = Uint8Array.from({ length: 2000 }, (_, id) => (id % 3 ? 1 : 0))
  const ids = [...use.keys()].filter((id) => use[id])
  for (let i = 0; i < 40; i++) {
    const polygon = Array.from({ length: 2 * (3 + (i % 9)) }, () => 2.6 * next() - 1.3)
    expect(index.enclosed(polygon, use)).toEqual(enclosed(polygon, xy, ids, 2000))
  }
  expect(index.enclosed([0, 0, 1, 1], use)).toEqual(new Uint8Array(2000))
})

test('a visit ends when it has enough, and photos in one place are all found', () => {
  const index = new GridIndex(
    new Float32Array(20),
    Int32Array.from({ length: 10 }, (_, i) => 9 - i),
  )
  let visits = 0
  index.within({ left: -1, right: 1, bottom: -1, top: 1 }, () => ++visits < 4)
  expect(visits).toBe(4)
  expect(found(index, { left: 0, right: 0, bottom: 0, top: 0 })).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(
    found(new GridIndex(new Float32Array(2).fill(NaN), Int32Array.of(0)), { left: 0, right: 1, bottom: 0, top: 1 }),
  ).toEqual([])
})
