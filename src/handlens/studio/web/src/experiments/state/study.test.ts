import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ApiError } from '../../server/http'
import { RUN_COMMANDS } from '../actions/commands'
import { experiments, type Studies } from '../server'
import { AT_FIRST } from './address'
import { go } from './place'
import { curves, failed, keepInStep, loaded, refreshNow, runs, version } from './study'
import { columnOf, runsOf } from './table'

const STUDY = { name: 'made', metric: 'valid_loss', direction: 'minimize' } as Studies['studies'][number]
const listOf = (studies = [STUDY]): Studies => ({ version: at, folder: '/f', storage: 's', studies })

/** What the server would answer now. */
let at = 1
let star = false
let there = true
let listener: { onmessage: (event: { data: string }) => void }
let stop: () => void

const answer = <T>(of: T) => Promise.resolve({ version: at, whole: true, removed: [], ...of })
const hear = (studies = [STUDY]): void =>
  listener.onmessage({ data: JSON.stringify({ kind: 'studies', studies: listOf(studies) }) })
const table = () =>
  answer({ runs: runsOf([1], [columnOf('star', 'fact', [star]), columnOf('valid_loss', 'number', [0.5])]) })
const lines = (end = 0.5) => answer({ curves: new Map([['valid_loss', new Map([[1, Float32Array.of(end)]])]]) })
const drawn = (): number | undefined => curves.value.get('valid_loss')?.get(1)?.[0]

beforeEach(() => {
  vi.useFakeTimers()
  ;[at, star, there] = [1, false, true]
  vi.stubGlobal('location', { pathname: '/experiments', search: '' })
  vi.stubGlobal('history', { pushState: () => {}, replaceState: () => {} })
  vi.stubGlobal(
    'EventSource',
    class {
      onmessage = (): void => {}
      constructor() {
        listener = this
      }
      close(): void {}
    },
  )
  vi.spyOn(experiments, 'studies').mockImplementation(async () => listOf(there ? [STUDY] : []))
  vi.spyOn(experiments, 'runs').mockImplementation(() =>
    there ? table() : Promise.reject(new ApiError('no such study', 404)),
  )
  vi.spyOn(experiments, 'curves').mockImplementation(() => lines())
  stop = keepInStep()
})

afterEach(async () => {
  go(AT_FIRST)
  await vi.runAllTimersAsync()
  stop()
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const open = async (): Promise<void> => {
  go({ ...AT_FIRST, study: 'made' })
  await vi.advanceTimersByTimeAsync(0)
}

test('a study that is opened again has its curves', async () => {
  await open()
  expect(drawn()).toBe(0.5)
  go(AT_FIRST)
  await open()
  expect(drawn()).toBe(0.5)
})

test('a study that was not there yet is shown as soon as it is', async () => {
  there = false
  await open()
  expect(loaded.value).toBe(false)
  ;[there, at] = [true, 2]
  hear()
  await vi.advanceTimersByTimeAsync(0)
  expect(loaded.value).toBe(true)
  expect(runs.value.ids).toEqual([1])
})

test('curves that were read before the runs are asked for again', async () => {
  let arrive = (): void => {}
  vi.spyOn(experiments, 'curves').mockImplementationOnce(() => {
    const early = lines(0.9)
    return new Promise((resolve) => {
      arrive = () => resolve(early)
    })
  })
  await open()
  at = 2
  hear()
  await vi.advanceTimersByTimeAsync(0)
  expect(version.value).toBe(2)
  arrive()
  await vi.advanceTimersByTimeAsync(0)
  expect(drawn()).toBe(0.5)
  expect(version.value).toBe(2)
})

test('nothing is done to runs before the page knows what there is to undo', async () => {
  go({ ...AT_FIRST, study: 'made', selected: [1, 2] })
  expect(RUN_COMMANDS.star.can()).toBe(false)
  await vi.advanceTimersByTimeAsync(0)
  expect(RUN_COMMANDS.star.can()).toBe(true)
  const call = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('not there'))
  RUN_COMMANDS.star.run()
  expect(JSON.parse(String(call.mock.calls[0]![1]!.body))).toEqual({ runs: [1], star: true })
})

test('runs that cannot be brought up to date are said to be old, until they can', async () => {
  await open()
  vi.spyOn(experiments, 'runs').mockRejectedValueOnce(new ApiError('The file is damaged.', 503))
  ;[star, at] = [true, 2]
  hear()
  await vi.advanceTimersByTimeAsync(0)
  expect(failed.value).toBe('The file is damaged.')
  expect(runs.value.columns[0]!.values).toEqual([false])
  await vi.advanceTimersByTimeAsync(1000)
  expect(failed.value).toBe(null)
  expect(runs.value.columns[0]!.values).toEqual([true])
})

test('what the page does is seen at once, however short the time since the last update', async () => {
  await open()
  for (const now of [true, false, true]) {
    ;[star, at] = [now, at + 1]
    await refreshNow()
    expect(runs.value.columns[0]!.values).toEqual([now])
  }
})
