import { expect, test } from 'vitest'
import { drawOrder } from './draw-order'
import { COLOUR_OFFSET, LOOK_OFFSET, QUAD, type QuadInput, Quads, STRIDE, TILE_OFFSET } from './quads'
import { APPEARING, FRAMED, HIDDEN, HOVERED, SELECTED } from './shaders'

const photos: QuadInput = {
  order: Int32Array.from([1, 0, 2]),
  positions: new Float32Array([0, 0, 1, 2, 9, 9]),
  from: new Float32Array([0, 0, 0.5, 1, NaN, NaN]),
  aspect: Float32Array.from([1, 1.5, 0]),
  shown: Uint8Array.from([1, 1, 1]),
  selected: Uint8Array.from([0, 1, 0]),
  marks: Int16Array.from([-1, 12, -1]),
  colours: Uint8Array.from([0, 0, 0, 10, 20, 30, 0, 0, 0]),
  alpha: Float32Array.from([1, 1, 0.5]),
  isBelow: () => false,
  place: (id) => ({ x: 64 * id, y: 128, layer: 3, side: 64 }),
}
const packed = () => {
  const quads = new Quads(3)
  quads.pack(drawOrder(photos), photos)
  return quads
}

test('a quad holds all there is to know of a photo, alike at its four corners', () => {
  const quads = packed()
  expect([quads.opaque, quads.faded]).toEqual([3, 1])
  for (let corner = 0; corner < 4; corner++) {
    const at = QUAD + corner * STRIDE // slot 1: the selected photo 1
    const data = new DataView(quads.bytes.buffer, at, STRIDE)
    expect([0, 4, 8, 12, 16].map((offset) => data.getFloat32(offset, true))).toEqual([0.5, 1, 1, 2, 1.5])
    expect([0, 2, 4, 6].map((offset) => data.getUint16(TILE_OFFSET + offset, true))).toEqual([64, 128, 3, 64])
    expect([0, 1, 2].map((offset) => data.getUint8(COLOUR_OFFSET + offset))).toEqual([10, 20, 30])
    expect([0, 1, 2].map((offset) => data.getUint8(LOOK_OFFSET + offset))).toEqual([255, SELECTED | FRAMED, 1])
  }
})

test('a photo with no old place appears at its new one', () => {
  const data = new DataView(packed().bytes.buffer, 3 * QUAD, STRIDE)
  expect([data.getFloat32(0, true), data.getFloat32(4, true)]).toEqual([9, 9])
  expect(data.getUint8(LOOK_OFFSET + 1)).toBe(APPEARING)
  expect(data.getUint8(LOOK_OFFSET)).toBe(128)
})

test('the first slot is hidden until a photo is hovered', () => {
  const quads = packed()
  expect(quads.bytes[LOOK_OFFSET + 1]).toBe(HIDDEN)
  quads.hover(0, photos)
  expect(quads.bytes[3 * STRIDE + LOOK_OFFSET + 1]).toBe(HOVERED)
  expect(quads.replace(0, photos)).toBe(2) // its own slot is still known
  quads.hover(-1, photos)
  expect(quads.bytes[LOOK_OFFSET + 1]).toBe(HIDDEN)
})

test('only quads in view are drawn, in order, and counted up to each end', () => {
  const quads = packed()
  const { indices, counts } = quads.inView(1, [0, 0], 3, 3, [2, 3, 4])
  expect(counts).toEqual([2, 3, 3])
  expect([...indices.slice(6, 12)]).toEqual([4, 5, 6, 6, 5, 7])
  // Photo 1 is on its way from (0.5, 1) to (1, 2).
  expect(quads.inView(0, [0, 0], 3, 1.5, [4]).counts).toEqual([3])
  expect(quads.inView(1, [0, 0], 3, 1.5, [4]).counts).toEqual([2])
})
