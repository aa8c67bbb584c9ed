import { describe, expect, it } from 'vitest'
import type { Preparation, Source } from '../src/server/types'
import { doing } from '../src/text/preparing'

const of = (more: Partial<Preparation>): Preparation => ({
  running: true,
  phase: 'features',
  done: 0,
  total: 500,
  rate: null,
  seconds_left: null,
  error: null,
  current_sources: [],
  ...more,
})
const SOURCES: Source[] = [
  { name: 'net', title: 'net', backbone: 'net', state: 'preparing', message: null, reason: null },
  { name: 'patches', title: 'learned on these photos', backbone: null, state: 'waiting', message: null, reason: null },
]

describe('what preparing is at', () => {
  it('names what is loaded or downloaded before the first photo', () => {
    expect(doing(of({ phase: 'reading' }), SOURCES).what).toBe('Getting ready: learned on these photos')
  })
  it('says that photos are looked at before a source is chosen by them', () => {
    const auto: Source = { ...SOURCES[1]!, name: 'auto', title: 'to be chosen by the photos' }
    expect(doing(of({ phase: 'reading' }), [auto]).what).toBe('Looking at some of the photos')
  })
  it('counts the photos read to learn from, and not the learning', () => {
    expect(doing(of({ phase: 'reading', done: 3 }), SOURCES)).toEqual({
      what: 'Reading the first photos, to learn from',
      counts: true,
    })
    expect(doing(of({ phase: 'fitting' }), SOURCES)).toEqual({
      what: 'Learning from the first 500 photos',
      counts: false,
    })
  })
  it('names the sources whose features are computed', () => {
    expect(doing(of({ current_sources: ['net'] }), SOURCES).what).toBe('Computing features: net')
    expect(doing(of({ current_sources: ['net', 'patches'] }), SOURCES).what).toBe(
      'Computing features: net and learned on these photos',
    )
  })
})
