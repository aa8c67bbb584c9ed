import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Copying } from '../src/server/types'

const one: Copying = {
  id: 'film-1',
  name: 'film',
  files: 0,
  total: 1,
  photos: 3,
  left_out: 0,
  share: 0.3,
  seconds_left: 70,
}
let state: typeof import('../src/state/copying')
let answers: Copying[][]
let asked: string[]

beforeEach(async () => {
  vi.resetModules()
  vi.useFakeTimers()
  asked = []
  vi.stubGlobal('fetch', async (address: string, { method }: RequestInit) => {
    asked.push(`${method} ${address}`)
    if (method === 'DELETE') return new Response(null, { status: 204 })
    const answer =
      address === '/api/copying' ? (answers.length > 1 ? answers.shift() : answers[0]) : { collections: [] }
    return new Response(JSON.stringify(answer), { headers: { 'Content-Type': 'application/json' } })
  })
  state = await import('../src/state/copying')
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

it('asks once where nothing is copied', async () => {
  answers = [[]]
  await state.followCopying()
  expect(asked).toEqual(['GET /api/copying'])
  expect(vi.getTimerCount()).toBe(0)
})

it('follows what is copied to its end, then lists the collections', async () => {
  answers = [[one], [{ ...one, photos: 4 }], []]
  const following = state.followCopying()
  await vi.advanceTimersByTimeAsync(0)
  expect(state.copying.value).toEqual([one])
  await vi.advanceTimersByTimeAsync(500)
  expect(state.copying.value[0]?.photos).toBe(4)
  await vi.advanceTimersByTimeAsync(500)
  await following
  expect(state.copying.value).toEqual([])
  expect(asked.at(-1)).toBe('GET /api/studio')
})

it('follows while a collection is being made, before anything is copied', async () => {
  answers = [[]]
  let made = (_: string): void => undefined
  const making = state.whileCopying(
    new Promise<string>((ready) => {
      made = ready
    }),
  )
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual(['GET /api/copying', 'GET /api/copying', 'GET /api/copying'])
  made('film-1')
  expect(await making).toBe('film-1')
  await vi.advanceTimersByTimeAsync(500)
  expect(vi.getTimerCount()).toBe(0)
})

it('stops what is copied', async () => {
  answers = [[]]
  await state.cancelCopying(one)
  expect(asked).toEqual(['DELETE /api/copying/film-1'])
})

it('says how far it is', async () => {
  const { soFar } = await import('../src/components/new-collection/CopyingNow')
  expect(soFar({ ...one, total: 0 })).toBe('Listing the files…')
  expect(soFar(one)).toBe('0 of 1 file · 3 photos · 1 min 10 s left')
  expect(soFar({ ...one, files: 2, total: 9, photos: 1, left_out: 5, seconds_left: null })).toBe(
    '2 of 9 files · 1 photo · 5 left out',
  )
})
