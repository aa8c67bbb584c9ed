import { expect, test } from 'vitest'
import { blankPlace, closePlace, closeSlots, layoutFor, sheetPlace, tilePlace } from './texture-layout'

test('5,000 photos take 20 sheets at full size', () => {
  const layout = layoutFor(5000, 2048)
  expect(layout).toEqual({ halvings: 0, sheetLayers: 20, closeLayers: 8 })
  expect(tilePlace(layout, 0)).toEqual({ x: 0, y: 0, layer: 0, side: 64 })
  expect(tilePlace(layout, 17)).toEqual({ x: 64, y: 64, layer: 0, side: 64 })
  expect(tilePlace(layout, 256 + 255)).toEqual({ x: 960, y: 960, layer: 1, side: 64 })
  expect(sheetPlace(layout, 20)).toBeNull()
})

test('100,000 photos take four sheets a layer at half size', () => {
  const layout = layoutFor(100_000, 2048)
  expect(layout).toEqual({ halvings: 1, sheetLayers: 98, closeLayers: 8 })
  expect(sheetPlace(layout, 3)).toEqual({ x: 512, y: 512, layer: 0, side: 512 })
  expect(tilePlace(layout, 256 * 5 + 1)).toEqual({ x: 512 + 32, y: 0, layer: 1, side: 32 })
})

test('no more layers than the machine has', () => {
  const layout = layoutFor(10_000_000, 256)
  expect(layout.sheetLayers + layout.closeLayers).toBe(256)
  expect(tilePlace(layout, 9_999_999)).toBeNull()
})

test('no two tiles share a place', () => {
  const layout = layoutFor(30_000, 2048)
  const seen = new Set<string>()
  for (let row = 0; row < 30_000; row++) seen.add(JSON.stringify(tilePlace(layout, row)))
  expect(seen.size).toBe(30_000)
})

test('an empty collection still has a layer', () => {
  expect(layoutFor(0, 256).sheetLayers).toBe(1)
})

test('close-ups stand 16 a layer behind the sheets, the last place is the blank tile', () => {
  const layout = layoutFor(5000, 2048)
  expect(closeSlots(layout)).toBe(127)
  expect(closePlace(layout, 0)).toEqual({ x: 0, y: 0, layer: 20, side: 256 })
  expect(closePlace(layout, 22)).toEqual({ x: 512, y: 256, layer: 21, side: 256 })
  expect(blankPlace(layout)).toEqual({ x: 768, y: 768, layer: 27, side: 256 })
})
