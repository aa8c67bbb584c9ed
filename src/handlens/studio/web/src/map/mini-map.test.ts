import { expect, it } from 'vitest'
import { miniMapPixels } from './mini-map'

const LOOK = { side: 11, dots: [60, 66, 74], opacity: 0.5 } as const
const photos = (...places: [number, number][]) => ({
  ids: Int32Array.from(places.keys()),
  xy: Float32Array.from(places.flat()),
})

/** What is drawn: each pixel that is not clear, as "column,row: r,g,b,a". */
function drawn(pixels: Uint8ClampedArray): string[] {
  const found = []
  for (let i = 0; i < pixels.length; i += 4) {
    const pixel = i / 4
    if (pixels[i + 3]! > 0) found.push(`${pixel % 11},${Math.floor(pixel / 11)}: ${pixels.slice(i, i + 4).join()}`)
  }
  return found
}

it('draws a photo without a label as four pixels that let half through', () => {
  expect(drawn(miniMapPixels(photos([0, 0]), () => null, LOOK))).toEqual([
    '5,5: 60,66,74,128',
    '6,5: 60,66,74,128',
    '5,6: 60,66,74,128',
    '6,6: 60,66,74,128',
  ])
})

it('is darker where photos lie on each other', () => {
  const pixels = miniMapPixels(photos([0, 0], [0, 0]), () => null, LOOK)
  expect(drawn(pixels)[0]).toBe('5,5: 60,66,74,191')
})

it('draws photos with a label last, larger and whole', () => {
  const pixels = miniMapPixels(photos([0, 0], [0, 0]), (id) => (id === 0 ? [255, 0, 1] : null), LOOK)
  const found = drawn(pixels)
  expect(found).toHaveLength(25)
  expect(new Set(found.map((pixel) => pixel.split(' ')[1]))).toEqual(new Set(['255,0,1,255']))
  expect(found[0]).toMatch(/^3,3:/)
  expect(found[24]).toMatch(/^7,7:/)
})

it('has up above, and cuts what reaches over the edge', () => {
  const pixels = miniMapPixels(photos([9, 9]), () => [1, 2, 3], LOOK)
  // A place outside counts as 1.05: the column 10.75 and the row 0.25, of which the map has the last and the first three.
  expect(drawn(pixels).map((pixel) => pixel.split(':')[0])).toEqual(
    [0, 1, 2].flatMap((row) => [8, 9, 10].map((column) => `${column},${row}`)),
  )
})

it('leaves out photos without a place, and those that are not asked for', () => {
  expect(drawn(miniMapPixels(photos([Number.NaN, 0], [0, Number.NaN]), () => null, LOOK))).toEqual([])
  expect(drawn(miniMapPixels(photos([0, 0]), () => undefined, LOOK))).toEqual([])
})
