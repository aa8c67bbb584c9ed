import { describe, expect, it } from 'vitest'
import { Crosshair } from './crosshair'

const view = { width: 200, height: 100 }

describe('the crosshair', () => {
  it('appears in the middle, and moves by steps and leaps', () => {
    const cross = new Crosshair()
    expect(cross.key('ArrowLeft', false, view)).toEqual({ did: 'move', overX: 0, overY: 0 })
    expect(cross.at).toEqual([100, 50])
    cross.key('ArrowLeft', false, view)
    expect(cross.at).toEqual([84, 50])
    cross.key('ArrowRight', true, view)
    cross.key('ArrowDown', false, view)
    expect(cross.at).toEqual([164, 66])
  })
  it('stops at the edge, and says how far it would have gone', () => {
    const cross = new Crosshair()
    cross.key('ArrowUp', false, view)
    expect(cross.key('ArrowUp', true, view)).toEqual({ did: 'move', overX: 0, overY: -30 })
    expect(cross.at).toEqual([100, 0])
  })
  it('sets a corner and closes the box, with Space or Enter', () => {
    for (const closing of [' ', 'Enter']) {
      const cross = new Crosshair()
      cross.key('ArrowUp', false, view)
      expect(cross.key(' ', false, view)).toEqual({ did: 'corner' })
      cross.key('ArrowUp', false, view)
      expect(cross.key(closing, false, view)).toEqual({ did: 'close' })
      expect(cross.key('Enter', false, view)).toEqual({ did: 'press' })
    }
  })
  it('drops the corner at Escape, then goes away, and leaves the next Escape to others', () => {
    const cross = new Crosshair()
    cross.key('ArrowUp', false, view)
    cross.key(' ', false, view)
    expect(['Escape', 'Escape', 'Escape'].map((key) => cross.key(key, false, view)?.did)).toEqual([
      'drop',
      'leave',
      undefined,
    ])
  })
  it('leaves all other keys to others, and all but the arrows before it is there', () => {
    const cross = new Crosshair()
    for (const key of [' ', 'Enter', 'Escape', 'b']) expect(cross.key(key, false, view)).toBe(null)
    cross.key('ArrowUp', false, view)
    expect(cross.key('b', false, view)).toBe(null)
  })
})
