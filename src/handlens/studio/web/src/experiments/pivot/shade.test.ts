import { expect, test } from 'vitest'
import { pageColours } from '../../../tests/tokens'
import { contrast, type Rgb, rgb } from '../../colour/contrast'
import { SHADE, shade, shadingOf, shareOf } from './shade'

test('the scale goes from the best number to the worst', () => {
  expect(shadingOf([0.3, 0.1, 0.2], true)).toEqual({ best: 0.1, worst: 0.3, beyond: false })
  expect(shadingOf([0.3, 0.1, 0.2], false)).toEqual({ best: 0.3, worst: 0.1, beyond: false })
  expect(shadingOf([0.5], true)).toEqual({ best: 0.5, worst: 0.5, beyond: false })
  expect(shadingOf([Number.NaN], true)).toBeNull()
})

test('a number far worse than the others does not stretch it', () => {
  expect(shadingOf([1, 2, 3, 4, 5, 6, 7, 1000], true)).toEqual({ best: 1, worst: 7, beyond: true })
  expect(shadingOf([1, 2, 3, 4, 5, 6, 7, 12], true)).toEqual({ best: 1, worst: 12, beyond: false })
})

test('one that differs from many equal numbers has a colour of its own', () => {
  expect(shadingOf([1, 1, 1, 1, 1, 1, 1, 5], true)).toEqual({ best: 1, worst: 5, beyond: false })
})

test('of a few numbers none is left out', () => {
  expect(shadingOf([1, 1, 1, 1, 1, 1, 5], true)).toEqual({ best: 1, worst: 5, beyond: false })
})

test('the share of a number is how near it is to the best', () => {
  const shading = { best: 1, worst: 5, beyond: true }
  expect([1, 2, 5, 9].map((value) => shareOf(value, shading))).toEqual([1, 0.75, 0, 0])
  expect(shareOf(3, { best: 3, worst: 3, beyond: false })).toBe(0.5)
})

test('a colour is a mix with the ground', () => {
  expect(shade(1)).toBe('color-mix(in srgb, #3f90da 45%, var(--raised))')
  expect(shade(0)).toBe('color-mix(in srgb, #3f90da 0%, var(--raised))')
})

test.each(['dark', 'light'] as const)('text and lines can be seen on every colour of the %s page', (theme) => {
  const { text, raised, warn } = pageColours(theme) as Record<'text' | 'raised' | 'warn', Rgb>
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const by = SHADE.most * share
    const ground = rgb(SHADE.hex).map((byte, i) => byte * by + raised[i]! * (1 - by)) as unknown as Rgb
    expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5)
    expect(contrast(warn, ground)).toBeGreaterThanOrEqual(3)
  }
})
