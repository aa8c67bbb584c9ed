import { describe, expect, it } from 'vitest'
import { duration, percent, photos, when } from '../src/text/format'

describe('format', () => {
  it('says 100 % only if it is exactly that', () => {
    expect(percent(1)).toBe('100 %')
    expect(percent(0.999)).toBe('99 %')
    expect(percent(0.864)).toBe('86 %')
  })
  it('counts one photo and many', () => {
    expect(photos(1)).toBe('1 photo')
    expect(photos(1797)).toBe('1,797 photos')
  })
  it('gives durations in two units at most', () => {
    expect(duration(44.4)).toBe('44 s')
    expect(duration(125)).toBe('2 min 5 s')
    expect(duration(7300)).toBe('2 h 1 min')
  })
  it('says when, from an ISO time', () => {
    const now = Date.parse('2026-01-02T00:00:00Z')
    expect(when('2026-01-01T23:59:30Z', now)).toBe('just now')
    expect(when('2026-01-01T22:00:00Z', now)).toBe('2 hours ago')
    expect(when(null, now)).toBe('not opened yet')
  })
})
