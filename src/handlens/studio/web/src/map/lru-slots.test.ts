import { expect, test } from 'vitest'
import { LruSlots } from './lru-slots'

test('slots are handed out in turn, and the least recently wanted photo gives up its own', () => {
  const slots = new LruSlots(2)
  expect(slots.take(10)).toEqual({ slot: 0, evicted: -1 })
  expect(slots.take(11)).toEqual({ slot: 1, evicted: -1 })
  slots.touch(10)
  expect(slots.take(12)).toEqual({ slot: 1, evicted: 11 })
  expect(slots.get(11)).toBeUndefined()
  expect(slots.get(10)).toBe(0)
})

test('taking again keeps the slot and counts as wanted', () => {
  const slots = new LruSlots(2)
  slots.take(1)
  slots.take(2)
  expect(slots.take(1)).toEqual({ slot: 0, evicted: -1 })
  expect(slots.take(3)).toEqual({ slot: 1, evicted: 2 })
})
