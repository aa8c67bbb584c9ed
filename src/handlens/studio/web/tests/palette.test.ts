import { describe, expect, it } from 'vitest'
import { contrast, type Rgb, rgb } from '../src/colour/contrast'
import { COLOURS, colourOf, inkOn, rgbOf } from '../src/colour/palette'
import { BACKGROUNDS, RING_COLOURS } from '../src/map/background'
import { difference, lab, type Triple } from './colour-difference'
import { pageColours } from './tokens'

const THEMES = ['dark', 'light'] as const

describe('contrast', () => {
  it('is 21 for black on white and 1 for nothing at all', () => {
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 9)
    expect(contrast([9, 9, 9], [9, 9, 9])).toBe(1)
    expect(contrast(rgb('#777777'), rgb('#ffffff'))).toBeCloseTo(4.478, 3) // the well-known grey that just fails
  })
})

describe('the difference of two colours', () => {
  // Of the pairs that were published to test programs with (Sharma, Wu & Dalal 2005, table 1).
  it.each([
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, -1, 2], [50, 0, 0], 2.3669],
    [[50, 2.5, 0], [61, -5, 29], 22.8977],
    [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644],
    [[22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619], 2.0373],
    [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
  ] as [Triple, Triple, number][])('of %j and %j is %d', (a, b, published) => {
    expect(difference(a, b)).toBeCloseTo(published, 4)
    expect(difference(b, a)).toBeCloseTo(published, 4)
  })
  it('is 100 for black and white, and the CIELAB of white is (100, 0, 0)', () => {
    expect(difference(lab([0, 0, 0]), lab([1, 1, 1]))).toBeCloseTo(100, 2)
    const [light, a, b] = lab([1, 1, 1])
    expect(light).toBeCloseTo(100, 3)
    expect(Math.hypot(a, b)).toBeLessThan(0.01)
  })
})

describe.each(THEMES)('the palette of the %s page', (theme) => {
  it('has ten different colours, and then comes round', () => {
    expect(new Set(COLOURS[theme]).size).toBe(10)
    expect(colourOf(10, theme)).toBe(colourOf(0, theme))
  })
  it.each(COLOURS[theme].map((hex, i) => [hex, i] as const))('%s stands out on everything it is drawn on', (hex, i) => {
    const page = pageColours(theme)
    const map = BACKGROUNDS[theme].map((v) => 255 * v) as unknown as Rgb
    for (const ground of [map, page.page!, page.panel!, page.raised!]) {
      expect(contrast(rgb(hex), ground)).toBeGreaterThanOrEqual(3)
    }
    expect(contrast(rgb(hex), rgb(inkOn(i, theme).replace(/#(.)(.)(.)/, '#$1$1$2$2$3$3')))).toBeGreaterThanOrEqual(4.5)
  })
  it('has colours that look different, whatever the eyes', () => {
    for (const [eyes, { matrix, least }] of Object.entries(EYES)) {
      const seen = COLOURS[theme].map((hex) => lab(times(matrix, linear(rgb(hex)))))
      for (let i = 0; i < seen.length; i++) {
        for (let j = 0; j < i; j++) {
          const pair = `${COLOURS[theme][i]} and ${COLOURS[theme][j]}, ${eyes}`
          expect(difference(seen[i]!, seen[j]!), pair).toBeGreaterThan(least)
        }
      }
    }
  })
  it('has no colour that could be taken for the ring of the selection', () => {
    const ring = lab(linear(RING_COLOURS[theme].map((v) => 255 * v) as unknown as Rgb))
    for (const hex of COLOURS[theme]) expect(difference(lab(linear(rgb(hex))), ring), hex).toBeGreaterThan(13)
  })
  it('rings the selection in what stands out on the map', () => {
    expect(
      contrast(
        RING_COLOURS[theme].map((v) => 255 * v) as unknown as Rgb,
        BACKGROUNDS[theme].map((v) => 255 * v) as unknown as Rgb,
      ),
    ).toBeGreaterThan(7)
  })
})

describe('palette', () => {
  it('gives the bytes of a colour', () => {
    expect(rgbOf(0, 'dark')).toEqual([0x27, 0xa4, 0xfb])
  })
  it('writes dark on the light colours and light on the dark ones', () => {
    expect(inkOn(1, 'dark')).toBe('#000') // yellow
    expect(inkOn(3, 'dark')).toBe('#fff') // violet
  })
})

// How colours look to protanopes, deuteranopes and tritanopes, in linear RGB (Machado, Oliveira & Fernandes 2009).
const EYES: Record<string, { matrix: Triple[]; least: number }> = {
  'all three cones': {
    least: 25,
    matrix: [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
  },
  protanopia: {
    least: 13,
    matrix: [
      [0.152286, 1.052583, -0.204868],
      [0.114503, 0.786281, 0.099216],
      [-0.003882, -0.048116, 1.051998],
    ],
  },
  deuteranopia: {
    least: 13,
    matrix: [
      [0.367322, 0.860646, -0.227968],
      [0.280085, 0.672501, 0.047413],
      [-0.01182, 0.04294, 0.968881],
    ],
  },
  tritanopia: {
    least: 14,
    matrix: [
      [1.255528, -0.076749, -0.178779],
      [-0.078411, 0.930809, 0.147602],
      [0.004733, 0.691367, 0.3039],
    ],
  },
}

const times = (matrix: Triple[], v: Triple): Triple =>
  matrix.map((row) => Math.min(1, Math.max(0, row[0] * v[0] + row[1] * v[1] + row[2] * v[2]))) as Triple

const linear = (colour: Rgb): Triple =>
  colour.map((byte) => {
    const c = byte / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  }) as Triple
