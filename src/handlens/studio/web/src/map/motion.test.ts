import { expect, test } from 'vitest'
import { AdaptiveResolution, SHARES } from './adaptive-resolution'
import { modeOf, wheelFactor } from './gestures'
import { PATTERNS, patternOf } from './label-frames'
import { ease, interpolated } from './transition'

test('easing goes from 0 to 1, through one half in the middle, and stops there', () => {
  expect([ease(-1), ease(0), ease(0.25), ease(0.5), ease(0.75), ease(1), ease(9)]).toEqual([
    0, 0, 0.0625, 0.5, 0.9375, 1, 1,
  ])
})

test('photos glide; one without an old place stands at its new one, one without a new place goes', () => {
  const now = interpolated(new Float32Array([0, 0, NaN, NaN, 1, 1]), new Float32Array([4, 8, 5, 6, NaN, NaN]), 0.25)
  expect([...now]).toEqual([1, 2, 5, 6, NaN, NaN])
})

test('slow frames in motion lower the resolution step by step, a pause does not', () => {
  const pace = new AdaptiveResolution()
  let now = 0
  const frames = (n: number, each: number) => {
    for (let i = 0; i < n; i++) {
      now += each
      pace.frame(now)
    }
  }
  frames(20, 16)
  expect(pace.share).toBe(1)
  frames(5, 1000)
  expect(pace.share).toBe(1)
  frames(4, 40)
  expect(pace.share).toBe(SHARES[1])
  frames(100, 40)
  expect(pace.share).toBe(SHARES.at(-1))
})

test('a long run of fast frames raises the resolution again', () => {
  const pace = new AdaptiveResolution(true)
  expect(pace.share).toBe(SHARES[2])
  for (let now = 0; now < 60 * 16; now += 16) pace.frame(now)
  expect(pace.share).toBe(SHARES[2])
  pace.frame(60 * 16)
  expect(pace.share).toBe(SHARES[1])
})

test('the wheel zooms in when turned away and out when turned back by as much', () => {
  const turn = (deltaY: number, deltaMode = 0, ctrlKey = false) => wheelFactor({ deltaY, deltaMode, ctrlKey })
  expect(turn(-100)).toBeCloseTo(Math.exp(0.18), 12)
  expect(turn(-100) * turn(100)).toBeCloseTo(1, 12)
  expect(turn(-3, 1)).toBe(turn(-48))
  expect(turn(-10, 0, true)).toBeGreaterThan(turn(-10))
  expect(turn(-1e6)).toBe(turn(-300))
})

test('shift adds, alt removes', () => {
  expect(modeOf({ shiftKey: false, altKey: false })).toBe('replace')
  expect(modeOf({ shiftKey: true, altKey: false })).toBe('add')
  expect(modeOf({ shiftKey: true, altKey: true })).toBe('remove')
})

test('labels beyond ten take another pattern', () => {
  expect([-1, 0, 9, 10, 20, 30, 40].map((mark) => PATTERNS[patternOf(mark)])).toEqual([
    'solid',
    'solid',
    'solid',
    'dashed',
    'dotted',
    'double',
    'solid',
  ])
})
