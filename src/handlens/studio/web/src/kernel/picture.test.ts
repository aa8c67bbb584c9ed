import { describe, expect, it, test } from 'vitest'
import { contrast, rgb } from '../colour/contrast'
import { around, inkOn, type Picture, planeOf, rangeOf, shaded, shadeOf, textOf } from './picture'
import { scene } from './scene'

const picture: Picture = {
  name: 'two pixels',
  width: 2,
  height: 1,
  rgba: Uint8ClampedArray.from([10, 20, 60, 255, 255, 255, 255, 255]),
}
const row = (...values: number[]) => ({ width: values.length, height: 1, values: Float64Array.from(values) })

test('planes of a picture', () => {
  const values = (channels: Parameters<typeof planeOf>[1]): number[] => [...planeOf(picture, channels).values]
  expect(values('all')).toEqual([90, 765])
  expect(values('grey')).toEqual([30, 255])
  expect(values('red')).toEqual([10, 255])
  expect(values('green')).toEqual([20, 255])
  expect(values('blue')).toEqual([60, 255])
})

describe('shades', () => {
  it('go from the lowest output to the highest', () => {
    const range = rangeOf(row(-100, 0, 300), 'rescaled')
    expect(range).toEqual({ black: -100, white: 300 })
    expect([...shaded(row(-100, 0, 300), range)]).toEqual([0, 0, 0, 255, 64, 64, 64, 255, 255, 255, 255, 255])
  })
  it('or are cut off at 0 and 255', () => {
    const range = rangeOf(row(-100, 0, 300), 'clipped')
    expect([-100, 0, 100, 255, 300].map((value) => shadeOf(value, range))).toEqual([0, 0, 100, 255, 255])
  })
  it('are grey where all outputs are the same', () => {
    expect([...shaded(row(7, 7), rangeOf(row(7, 7), 'rescaled'))]).toEqual([128, 128, 128, 255, 128, 128, 128, 255])
  })
})

test('numbers are short, and of one of two units', () => {
  expect([0, -0, 255, -1 / 3, -0.001, 36.99999, 2794].map((value) => textOf(value, 255))).toEqual([
    '0',
    '0',
    '255',
    '−0.33',
    '0',
    '37',
    '2794',
  ])
  expect([0, 255, -51, 1, 1e-9].map((value) => textOf(value, 1))).toEqual(['0', '1', '−0.2', '0.004', '0'])
})

test('the built-in picture has an edge in its middle, where the window is at first', () => {
  const { width, height, rgba } = scene()
  const red = (y: number): number => rgba[4 * (y * width + (width >> 1))]!
  expect(rgba).toHaveLength(width * height * 4)
  expect(rgba.filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true)
  expect([red((height >> 1) - 1), red(height >> 1)]).toEqual([168, expect.any(Number)])
  expect(red(height >> 1)).toBeGreaterThan(200)
})

test('numbers on a shade are readable', () => {
  for (let shade = 0; shade < 256; shade++) {
    expect(contrast(rgb(inkOn(shade)), [shade, shade, shade]), String(shade)).toBeGreaterThanOrEqual(4.5)
  }
})

describe('the pixels around one', () => {
  // 3×3, each pixel's red its number from 1 to 9
  const nine = {
    width: 3,
    height: 3,
    rgba: Uint8ClampedArray.from(Array.from({ length: 9 }, (_, i) => [i + 1, 0, 0, 255]).flat()),
  }
  const reds = (padding: Parameters<typeof around>[3], side = 3): string[] => {
    const found = around(nine, { x: 0, y: 0 }, side, padding)
    return Array.from({ length: side * side }, (_, i) => (found[4 * i + 3] === 0 ? '.' : String(found[4 * i])))
  }
  it('are clear outside where there is no padding', () => expect(reds('none').join('')).toBe('....12.45'))
  it('are black where it is zeros', () => expect(reds('zeros').join('')).toBe('000012045'))
  it('are the mirror image where it is reflection', () => expect(reds('reflection').join('')).toBe('545212545'))
  it('end after one pixel of padding', () =>
    expect(reds('zeros', 5).join('')).toBe('.....' + '.0000' + '.0123' + '.0456' + '.0789'))
})
