import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Saver } from '../src/audit/saver'

describe('what is typed', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is saved once, a moment after the last letter', async () => {
    const put = vi.fn(async () => undefined)
    const saver = new Saver(put)
    saver.typed('a', 'x')
    saver.typed('a', 'xy')
    saver.typed('b', 'z')
    expect(put).not.toHaveBeenCalled()
    expect(saver.unsaved.value).toBe(2)
    await vi.runAllTimersAsync()
    expect(put.mock.calls).toEqual([
      ['a', 'xy'],
      ['b', 'z'],
    ])
    expect(saver.unsaved.value).toBe(0)
  })

  it('is tried again after a failure, with the newest text', async () => {
    const said: string[] = []
    let down = true
    const saver = new Saver(async (_, text) => {
      if (down) throw new Error('no answer')
      said.push(text)
    })
    saver.typed('a', 'x')
    await saver.flush()
    expect(saver.error.value).toBe('no answer')
    expect(saver.left()).toEqual([['a', 'x']])
    down = false
    saver.typed('a', 'xy')
    await vi.runAllTimersAsync()
    expect(said).toEqual(['xy'])
    expect(saver.error.value).toBeNull()
  })

  it('is saved again when it was typed on meanwhile', async () => {
    const said: string[] = []
    let arrived = (): void => undefined
    const saver = new Saver((_, text) => {
      said.push(text)
      return new Promise((done) => (arrived = done))
    })
    saver.typed('a', 'x')
    const saving = saver.flush()
    saver.typed('a', 'xy')
    arrived()
    await vi.waitFor(() => expect(said).toEqual(['x', 'xy']))
    arrived()
    await saving
    expect(saver.left()).toEqual([])
  })
})
