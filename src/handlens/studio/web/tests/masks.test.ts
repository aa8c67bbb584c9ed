import { describe, expect, it } from 'vitest'
import { combine, countOf, idsOf, maskOf, sample, turned } from '../src/state/masks'

const mask = (...ids: number[]): Uint8Array => maskOf(ids, 5)

describe('combine', () => {
  it('replaces, adds, removes', () => {
    expect(idsOf(combine(mask(0, 1), mask(1, 2), 'replace'))).toEqual([1, 2])
    expect(idsOf(combine(mask(0, 1), mask(1, 2), 'add'))).toEqual([0, 1, 2])
    expect(idsOf(combine(mask(0, 1), mask(1, 2), 'remove'))).toEqual([0])
  })
  it('leaves what it was given alone', () => {
    const current = mask(0)
    combine(current, mask(1), 'add')
    expect(idsOf(current)).toEqual([0])
  })
})

describe('turned', () => {
  it('turns photos on or off, once', () => {
    expect(idsOf(turned(mask(0, 1), [1, 1], false))).toEqual([0])
    expect(countOf(turned(mask(0), [0, 4], true))).toBe(2)
  })
})

describe('sample', () => {
  const order = Int32Array.of(3, 1, 4, 0, 2)
  it('is the first photos in prepare order', () => {
    expect(idsOf(sample(order, 2, 5))).toEqual([1, 3])
  })
  it('of more photos holds the one of fewer', () => {
    const [few, more] = [sample(order, 2, 5), sample(order, 3, 5)]
    expect(idsOf(combine(few, more, 'remove'))).toEqual([])
  })
  it('can be all, or more than there are', () => {
    expect(countOf(sample(order, 'all', 5))).toBe(5)
    expect(countOf(sample(order, 2000, 5))).toBe(5)
  })
})
