import { describe, expect, it } from 'vitest'
import {
  bytesOf,
  float32s,
  int16s,
  int32s,
  packMask,
  textOf,
  unpackIds,
  unpackMask,
  unpackValues,
} from '../src/server/codec'
import { maskOf } from '../src/state/masks'

describe('packMask', () => {
  it('puts photo i in bit i % 8 of byte i // 8, lowest first', () => {
    const mask = new Uint8Array(10)
    mask[0] = mask[3] = mask[9] = 1
    expect([...bytesOf(packMask(mask))]).toEqual([0b0000_1001, 0b0000_0010])
  })
  it('has as many bytes as are needed', () => {
    expect(bytesOf(packMask(Uint8Array.from({ length: 16 }, (_, i) => (i + 1) % 2))).length).toBe(2)
    expect(bytesOf(packMask(Uint8Array.from({ length: 17 }, (_, i) => (i + 1) % 2))).length).toBe(3)
    expect(packMask(new Uint8Array(0))).toBe('')
  })
  it('writes runs where they are shorter, as the server does', () => {
    const ids = [0, 7, 8, 9, 10, 11, 12, 13]
    expect(packMask(maskOf(ids, 1_000_000))).toBe('runs:AgANBQ==')
    expect(packMask(new Uint8Array(9))).toBe('runs:AA==')
  })
  it.each([
    [[], 40],
    [[0], 40],
    [[39], 40],
    [[0, 1, 2, 39], 40],
    [[299, 300, 16_500, 19_999], 20_000],
    [Array.from({ length: 500 }, (_, i) => 2 * i), 1_000],
    [Array.from({ length: 1000 }, (_, i) => i), 1_000],
  ])('is read as it was written, %#', (ids, count) => {
    const packed = packMask(maskOf(ids, count))
    expect([...unpackIds(packed, count)]).toEqual(ids)
    expect(unpackMask(packed, count)).toEqual(maskOf(ids, count))
  })
})

describe('unpackValues', () => {
  it('reads runs of equal numbers', () => {
    expect([...unpackValues('AgQAAwE=')]).toEqual([3, 3, 3, -1])
    expect([...unpackValues('AA==')]).toEqual([])
  })
  it('refuses numbers that end too early', () => {
    expect(() => unpackValues('Ag==')).toThrow('too early')
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
