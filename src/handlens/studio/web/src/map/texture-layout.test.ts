import { expect, test } from 'vitest'
import { blankPlace, closePlace, closeSlots, layoutFor, sheetPlace, tilePlace } from './texture-layout'

test('5,000 photos take 20 sheets, all the time', () => {
  expect(layoutFor(5000, 2048)).toEqual({ paged: false, sheetLayers: 20, closeLayers: 8 })
  expect(tilePlace(0, 0)).toEqual({ x: 0, y: 0, layer: 0, side: 64 })
  expect(tilePlace(0, 17)).toEqual({ x: 64, y: 64, layer: 0, side: 64 })
  expect(tilePlace(1, 255)).toEqual({ x: 960, y: 960, layer: 1, side: 64 })
  expect(sheetPlace(3)).toEqual({ x: 0, y: 0, layer: 3, side: 1024 })
})

test('however many photos there are, no more than 48 layers of sheets are held', () => {
  expect(layoutFor(12_288, 2048)).toEqual({ paged: false, sheetLayers: 48, closeLayers: 8 })
  for (const count of [12_289, 100_000, 10_000_000]) {
    expect(layoutFor(count, 2048)).toEqual({ paged: true, sheetLayers: 32, closeLayers: 8 })
  }
})

test('no more layers than the machine has', () => {
  expect(layoutFor(10_000, 32)).toEqual({ paged: true, sheetLayers: 24, closeLayers: 8 })
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
