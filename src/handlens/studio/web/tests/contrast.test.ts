import { describe, expect, it } from 'vitest'
import { contrast, type Rgb, rgb } from '../src/colour/contrast'
import { pageColours } from './tokens'

const BACKGROUNDS = ['page', 'panel', 'raised', 'hover']

/** What is written on what. */
const TEXT: [string, string[]][] = [
  ['text', BACKGROUNDS],
  ['soft', BACKGROUNDS],
  ['accent', BACKGROUNDS],
  ['bad', BACKGROUNDS],
  ['warn', [...BACKGROUNDS, 'warn-page']],
  ['text', ['warn-page']],
  ['on-accent', ['accent']],
]
/** What is drawn on what, and has to be seen to use the page. */
const DRAWN: [string, string[]][] = [
  ['accent', BACKGROUNDS], // the focus, the current map, progress
  ['edge', BACKGROUNDS], // the edges of fields
]

/** `color-mix(in srgb, a share, b)` */
const mixed = (a: Rgb, share: number, b: Rgb): Rgb => a.map((v, i) => v * share + b[i]! * (1 - share)) as unknown as Rgb

describe.each(['dark', 'light'] as const)('the %s page', (theme) => {
  const of = pageColours(theme)
  it.each(TEXT)('shows %s on %s readably', (ink, grounds) => {
    for (const ground of grounds) expect(contrast(of[ink]!, of[ground]!), ground).toBeGreaterThanOrEqual(4.5)
  })
  it.each(DRAWN)('shows %s on %s visibly', (ink, grounds) => {
    for (const ground of grounds) expect(contrast(of[ink]!, of[ground]!), ground).toBeGreaterThanOrEqual(3)
  })
  it('writes readably on a button that is pressed', () => {
    expect(contrast(of.text!, mixed(of.accent!, 0.22, of.raised!))).toBeGreaterThanOrEqual(4.5)
  })
  it('writes readably on every cell of the table of confusions', () => {
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      for (const [hex, most] of [
        ['#3f90da', 0.45],
        ['#e76300', 0.6],
      ] as const) {
        expect(contrast(of.text!, mixed(rgb(hex), most * share, of.raised!))).toBeGreaterThanOrEqual(4.5)
      }
    }
  })
  it('writes readably on products, however large', () => {
    for (const ink of ['accent', 'bad']) {
      expect(contrast(of.text!, mixed(of[ink]!, 0.22, of.raised!)), ink).toBeGreaterThanOrEqual(4.5)
    }
  })
  it('shows the interval on its bar', () => {
    expect(contrast(of.interval!, of.hover!)).toBeGreaterThanOrEqual(3)
    expect(contrast(of.text!, of.interval!)).toBeGreaterThanOrEqual(3)
  })
})
