import { describe, expect, it, test } from 'vitest'
import {
  convolve,
  middleOf,
  nearestOutput,
  outputLength,
  type Padding,
  type Plane,
  pad,
  products,
  type Stride,
  sourceOf,
  sum,
  windowAt,
} from './convolve'

const plane = (rows: number[][]): Plane => ({
  width: rows[0]!.length,
  height: rows.length,
  values: Float64Array.from(rows.flat()),
})
const rows = ({ width, height, values }: Plane): number[][] =>
  Array.from({ length: height }, (_, y) => [...values.slice(y * width, (y + 1) * width)])

const PICTURE = plane([
  [1, 2, 3, 4],
  [5, 6, 7, 8],
  [9, 10, 11, 12],
  [13, 14, 15, 16],
])
const IDENTITY = [0, 0, 0, 0, 1, 0, 0, 0, 0]
const ALL = [1, 1, 1, 1, 1, 1, 1, 1, 1]
const TOP_EDGE = [1, 2, 1, 0, 0, 0, -1, -2, -1]
const applied = (kernel: number[], stride: Stride, padding: Padding, to = PICTURE): number[][] =>
  rows(convolve(pad(to, padding), kernel, stride))

describe('a 4×4 picture', () => {
  it('gives 2×2 without padding', () => {
    expect(applied(IDENTITY, 1, 'none')).toEqual([
      [6, 7],
      [10, 11],
    ])
    // 1+2+3+5+6+7+9+10+11 = 54, and 9 more for each step right, 36 for each down
    expect(applied(ALL, 1, 'none')).toEqual([
      [54, 63],
      [90, 99],
    ])
    // (1+4+3) − (9+20+11) = 8 − 40
    expect(applied(TOP_EDGE, 1, 'none')).toEqual([
      [-32, -32],
      [-32, -32],
    ])
  })
  it('stays 4×4 with zeros around it', () => {
    expect(applied(IDENTITY, 1, 'zeros')).toEqual(rows(PICTURE))
    expect(applied(ALL, 1, 'zeros')).toEqual([
      [14, 24, 30, 22],
      [33, 54, 63, 45],
      [57, 90, 99, 69],
      [46, 72, 78, 54],
    ])
    expect(applied(TOP_EDGE, 1, 'zeros')[0]).toEqual([-16, -24, -28, -23])
    expect(applied(TOP_EDGE, 1, 'zeros')[3]).toEqual([28, 40, 44, 35])
  })
  it('is mirrored at its edge by reflection', () => {
    expect(rows(pad(PICTURE, 'reflection'))).toEqual([
      [6, 5, 6, 7, 8, 7],
      [2, 1, 2, 3, 4, 3],
      [6, 5, 6, 7, 8, 7],
      [10, 9, 10, 11, 12, 11],
      [14, 13, 14, 15, 16, 15],
      [10, 9, 10, 11, 12, 11],
    ])
    // A row and its mirror image are the same: no edge there.
    expect(applied(TOP_EDGE, 1, 'reflection')).toEqual([
      [0, 0, 0, 0],
      [-32, -32, -32, -32],
      [-32, -32, -32, -32],
      [0, 0, 0, 0],
    ])
  })
  it('gives every second output with stride 2', () => {
    expect(applied(ALL, 2, 'none')).toEqual([[54]])
    expect(applied(ALL, 2, 'zeros')).toEqual([
      [14, 30],
      [57, 99],
    ])
    expect(applied(IDENTITY, 2, 'reflection')).toEqual([
      [1, 3],
      [9, 11],
    ])
  })
  it('has nine numbers under the window, nine products and their sum', () => {
    const nine = windowAt(pad(PICTURE, 'zeros'), 0, 1, 2)
    expect(nine).toEqual([0, 5, 6, 0, 9, 10, 0, 13, 14])
    const nineProducts = products(nine, TOP_EDGE)
    expect(nineProducts.map((p) => p + 0)).toEqual([0, 10, 6, 0, 0, 0, 0, -26, -14])
    expect(sum(nineProducts)).toBe(-24)
  })
})

test('the kernel is not turned round', () => {
  const dot = plane([
    [0, 0, 0],
    [0, 1, 0],
    [0, 0, 0],
  ])
  const kernel = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  expect(applied(kernel, 1, 'zeros', dot).flat()).toEqual([...kernel].reverse())
})

test('padding none, zeros and reflection differ at the edge alone', () => {
  for (const padding of ['zeros', 'reflection'] as const) {
    const inner = applied(TOP_EDGE, 1, padding)
      .slice(1, -1)
      .map((row) => row.slice(1, -1))
    expect(inner).toEqual(applied(TOP_EDGE, 1, 'none'))
  }
})

test.each([
  [256, 1, 'none', 254],
  [256, 1, 'zeros', 256],
  [256, 2, 'zeros', 128],
  [255, 2, 'reflection', 128],
  [256, 2, 'none', 127],
  [3, 1, 'none', 1],
  [3, 2, 'none', 1],
  [2, 1, 'none', 0],
] as const)('%i pixels, stride %i, padding %s: %i outputs', (n, stride, padding, outputs) => {
  expect(outputLength(n, stride, padding)).toBe(outputs)
})

test('each output is found again from the middle of its window, and the nearest from any pixel', () => {
  for (const stride of [1, 2] as const) {
    for (const padding of ['none', 'zeros', 'reflection'] as const) {
      for (let o = 0; o < outputLength(9, stride, padding); o++) {
        expect(nearestOutput(middleOf(o, stride, padding), 9, stride, padding)).toBe(o)
      }
      expect(nearestOutput(-50, 9, stride, padding)).toBe(0)
      expect(nearestOutput(50, 9, stride, padding)).toBe(outputLength(9, stride, padding) - 1)
    }
  }
})

test('places outside the picture', () => {
  expect([-2, -1, 0, 3, 4, 5].map((i) => sourceOf(i, 4, 'reflection'))).toEqual([null, 1, 0, 3, 2, null])
  expect([-1, 0, 4].map((i) => sourceOf(i, 4, 'zeros'))).toEqual([null, 0, null])
})

/** The definition, number by number: slow, and written without any of the code above. */
function byDefinition(of: Plane, kernel: number[], stride: number, padding: Padding): number[][] {
  const p = padding === 'none' ? 0 : 1
  const mirrored = (i: number, n: number): number => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i)
  const read = (x: number, y: number): number => {
    const outside = x < 0 || y < 0 || x >= of.width || y >= of.height
    if (outside && padding === 'zeros') return 0
    return of.values[mirrored(y, of.height) * of.width + mirrored(x, of.width)]!
  }
  const out: number[][] = []
  for (let y = -p; y + 2 < of.height + p; y += stride) {
    const line: number[] = []
    for (let x = -p; x + 2 < of.width + p; x += stride) {
      line.push(kernel.reduce((total, k, i) => total + k * read(x + (i % 3), y + Math.floor(i / 3)), 0))
    }
    out.push(line)
  }
  return out
}

describe.each([1, 2] as const)('with stride %i', (stride) => {
  describe.each(['none', 'zeros', 'reflection'] as const)('and padding %s', (padding) => {
    it.each([
      [7, 5],
      [6, 8],
      [3, 3],
      [16, 3],
    ])('a %i×%i picture agrees with the definition, at every window', (width, height) => {
      // Numbers without any pattern, the same in each run.
      let seed = width * 100 + height
      const next = (): number => {
        seed = (seed * 1103515245 + 12345) % 2147483648
        return seed / 2147483648
      }
      const values = Float64Array.from({ length: width * height }, () => Math.floor(next() * 256))
      const kernel = Array.from({ length: 9 }, () => next() * 4 - 2)
      const of = { width, height, values }
      const [padded, expected] = [pad(of, padding), byDefinition(of, kernel, stride, padding)]
      const found = convolve(padded, kernel, stride)
      expect([found.width, found.height]).toEqual([expected[0]!.length, expected.length])
      expected.flat().forEach((value, i) => {
        expect(found.values[i]).toBeCloseTo(value, 9)
        const nine = windowAt(padded, i % found.width, Math.floor(i / found.width), stride)
        expect(sum(products(nine, kernel))).toBe(found.values[i])
      })
    })
  })
})
