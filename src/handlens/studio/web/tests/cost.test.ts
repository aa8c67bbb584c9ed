import { afterEach, beforeEach, expect, it, vi } from 'vitest'

let draft: typeof import('../src/components/new-collection/draft')
let form: typeof import('../src/components/new-collection/cost')
let asked: object[]
let waiting: ((answer: object) => void)[]
let stop: () => void

beforeEach(async () => {
  vi.resetModules()
  vi.useFakeTimers()
  asked = []
  waiting = []
  vi.stubGlobal('fetch', async (_address: string, { body }: RequestInit) => {
    asked.push(JSON.parse(String(body)))
    const answer = await new Promise<object>((done) => waiting.push(done))
    return new Response(JSON.stringify(answer), { headers: { 'Content-Type': 'application/json' } })
  })
  draft = await import('../src/components/new-collection/draft')
  form = await import('../src/components/new-collection/cost')
  stop = form.followCost()
})
afterEach(() => {
  stop()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const pause = () => vi.advanceTimersByTimeAsync(form.PAUSE)
const answer = async (at: number, text: string) => {
  waiting[at]?.({ text, fits: true })
  await vi.advanceTimersByTimeAsync(0)
}

it('asks once the form has not changed for a moment', async () => {
  await pause()
  expect(asked).toEqual([])
  draft.setPath('/ph')
  await vi.advanceTimersByTimeAsync(form.PAUSE - 1)
  draft.setPath(' /photos ')
  await pause()
  expect(asked).toEqual([{ path: '/photos', photos: 0, bytes: 0, backbones: ['auto'], own_features: false }])
  await answer(0, 'About 1 GB.')
  expect(form.cost.value).toEqual({ text: 'About 1 GB.', fits: true })
})

it('takes the answer to the last question only, and asks again for other networks', async () => {
  draft.setPath('/photos')
  await pause()
  draft.chooseNet('one', true)
  expect(form.cost.value).toBe(null)
  await pause()
  expect(asked[1]).toMatchObject({ backbones: ['one'] })
  await answer(1, 'new')
  await answer(0, 'old')
  expect(form.cost.value?.text).toBe('new')
})

it('asks for the size of files that are sent, and nothing of built-in collections', async () => {
  draft.chooseFrom('files')
  draft.chooseFiles([{ file: new File(['12345'], 'a.png'), path: 'a.png' }])
  await pause()
  expect(asked).toEqual([{ path: null, photos: 1, bytes: 5, backbones: ['auto'], own_features: false }])
  draft.chooseFrom('builtin')
  draft.setBuiltin('digits')
  await pause()
  expect(asked).toHaveLength(1)
})
