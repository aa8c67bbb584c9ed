import { expect, test } from 'vitest'
import { FrameRate } from './frame-rate'

test('frames a second are those of the last run of frames', () => {
  const rate = new FrameRate()
  expect(rate.perSecond).toBe(0)
  for (const time of [0, 10, 20]) rate.count(time)
  expect(rate.perSecond).toBe(100)
  for (const time of [1000, 1020, 1040]) rate.count(time)
  expect(rate.perSecond).toBe(50)
})
