import { describe, expect, it } from 'vitest'
import { contrast, type Rgb, rgb } from '../src/colour/contrast'
import { COLOURS, colourOf, inkOn, rgbOf } from '../src/colour/palette'
import { BACKGROUNDS, RING_COLOURS } from '../src/map/background'
import { pageColours } from './tokens'

const THEMES = ['dark', 'light'] as const

describe('contrast', () => {
  it('is 21 for black on white and 1 for nothing at all', () => {
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 9)
    expect(contrast([9, 9, 9], [9, 9, 9])).toBe(1)
    expect(contrast(rgb('#777777'), rgb('#ffffff'))).toBeCloseTo(4.478, 3) // the well-known grey that just fails
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
  it('has colours that no common colour-vision deficiency makes alike', () => {
    for (const [eyes, matrix] of Object.entries(EYES)) {
      const seen = COLOURS[theme].map((hex) => oklab(times(matrix, linear(rgb(hex)))))
      for (let i = 0; i < seen.length; i++) {
        for (let j = 0; j < i; j++) {
          const apart = Math.hypot(...seen[i]!.map((v, k) => v - seen[j]![k]!))
          expect(apart, `${COLOURS[theme][i]} and ${COLOURS[theme][j]}, ${eyes}`).toBeGreaterThan(0.045)
        }
      }
    }
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
    expect(rgbOf(0, 'dark')).toEqual([0x3f, 0x90, 0xda])
  })
  it('writes dark on the light colours and light on the dark ones', () => {
    expect(inkOn(1, 'dark')).toBe('#000') // amber
    expect(inkOn(9, 'dark')).toBe('#fff') // slate
  })
})

type Triple = [number, number, number]

// How colours look to protanopes, deuteranopes and tritanopes, in linear RGB (Machado, Oliveira & Fernandes 2009).
const EYES: Record<string, Triple[]> = {
  'all three cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
}

const times = (matrix: Triple[], v: Triple): Triple =>
  matrix.map((row) => Math.min(1, Math.max(0, row[0] * v[0] + row[1] * v[1] + row[2] * v[2]))) as Triple

const linear = (colour: Rgb): Triple =>
  colour.map((byte) => {
    const c = byte / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  }) as Triple

/** Oklab (Ottosson 2020), in which equal distances look about equally different. */
function oklab([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}
