import { describe, expect, it } from 'vitest'
import { bytesOf, float32s, int16s, int32s, packMask, textOf } from '../src/server/codec'

describe('packMask', () => {
  it('puts photo i in bit i % 8 of byte i // 8, lowest first', () => {
    const mask = new Uint8Array(10)
    mask[0] = mask[3] = mask[9] = 1
    expect([...bytesOf(packMask(mask))]).toEqual([0b0000_1001, 0b0000_0010])
  })
  it('has as many bytes as are needed', () => {
    expect(bytesOf(packMask(new Uint8Array(8))).length).toBe(1)
    expect(bytesOf(packMask(new Uint8Array(9))).length).toBe(2)
    expect(packMask(new Uint8Array(0))).toBe('')
  })
})

describe('arrays', () => {
  it('are little-endian', () => {
    expect([...int16s(textOf(Uint8Array.of(1, 0, 255, 255)))]).toEqual([1, -1])
    expect([...int32s(textOf(Uint8Array.of(0, 1, 0, 0)))]).toEqual([256])
    expect([...float32s(textOf(Uint8Array.of(0, 0, 128, 63)))]).toEqual([1])
  })
  it('of many bytes come back whole', () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251)
    expect(bytesOf(textOf(bytes))).toEqual(bytes)
  })
})
