import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import { ApiError } from '../src/server/http'
import type { FinishPlan } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import { dialog, openDialog } from '../src/state/dialogs'
import {
  askForPlan,
  chooseConfidence,
  chooseError,
  error,
  finish,
  noShare,
  plan,
  shareOf,
  typedError,
  typeError,
} from '../src/state/finishing'
import { labels, openLabels, takeLabels } from '../src/state/labels'
import { dismiss, messages } from '../src/state/messages'
import { review } from '../src/state/review'
import { replaceSelection, selected } from '../src/state/selection'
import { collection, named } from './made'

const planned = (of: Partial<FinishPlan> = {}): FinishPlan => ({
  labels: 2,
  left: 1,
  bound: 0.04,
  sure_from: 0.8,
  checked: 60,
  more_checks: null,
  sentence: 'With 95 % confidence at most 5 % of all labels are wrong.',
  ...of,
})

let api: CollectionApi
let asked: [number, number][]
beforeEach(() => {
  vi.useFakeTimers()
  api = new CollectionApi('c')
  asked = []
  api.planFinish = async (error, confidence) => {
    asked.push([error, confidence])
    return planned()
  }
  setApi(api)
  replaceCollection(collection())
  replacePhotos(null as never)
  openLabels(named(1, [0, 1, -1, -1, -1, 0], 'front', 'rear'))
  replaceSelection(new Uint8Array(6))
  for (const { id } of messages.value) dismiss(id)
})
afterEach(() => void vi.useRealTimers())

describe('the plan', () => {
  it('is asked for once, a moment after the last choice', async () => {
    chooseError(0.01)
    chooseError(0.02)
    chooseConfidence(0.99)
    expect(plan.value).toBe(null)
    await vi.runAllTimersAsync()
    expect(asked).toEqual([[0.02, 0.99]])
    expect(plan.value).toEqual(planned())
  })
  it('is that of the last choice, however late an earlier one arrives', async () => {
    const arrive: ((of: FinishPlan) => void)[] = []
    api.planFinish = () => new Promise((done) => arrive.push(done))
    askForPlan(0)
    await vi.runAllTimersAsync()
    askForPlan(0)
    await vi.runAllTimersAsync()
    arrive[1]!(planned({ labels: 7 }))
    arrive[0]!(planned({ labels: 3 }))
    await vi.runAllTimersAsync()
    expect(plan.value).toMatchObject({ labels: 7 })
  })
  it('is the server’s sentence where there is none', async () => {
    api.planFinish = () => Promise.reject(new ApiError('Check 29 more.', 409))
    askForPlan(0)
    await vi.runAllTimersAsync()
    expect(plan.value).toEqual({ problem: 'Check 29 more.' })
  })
})

describe('a share that is typed', () => {
  it.each([
    ['5', 0.05],
    [' 7,5 % ', 0.075],
    ['0.5%', 0.005],
    ['0', null],
    ['100', null],
    ['-3', null],
    ['many', null],
    ['', null],
    [' ', null],
  ])('%j is %j', (typed, share) => {
    if (share === null) expect(shareOf(typed)).toBe(null)
    else expect(shareOf(typed)).toBeCloseTo(share)
  })
  it('is planned if it is one, and is the usual one again when it is taken out', async () => {
    chooseError(0.1)
    await vi.runAllTimersAsync()
    typeError('5x')
    await vi.runAllTimersAsync()
    expect([noShare.value, error.value]).toEqual([true, 0.1])
    typeError('50')
    await vi.runAllTimersAsync()
    expect([noShare.value, error.value]).toEqual([false, 0.5])
    typeError('')
    await vi.runAllTimersAsync()
    expect([noShare.value, error.value]).toEqual([false, 0.05])
    typeError('50')
    chooseError(0.02)
    await vi.runAllTimersAsync()
    expect([typedError.value, error.value]).toEqual(['', 0.02])
    expect(asked.map(([share]) => share)).toEqual([0.1, 0.5, 0.05, 0.02])
  })
})

describe('finishing', () => {
  beforeEach(() => {
    api.finish = async () => planned()
    api.labels = async () => named(2, [0, 1, 1, 1, -1, 0], 'front', 'rear')
    api.state = async () => collection({ finished: 2 })
    openDialog({ kind: 'finish' })
  })
  const press = (name: string): void => messages.value[0]!.actions.find((a) => a.name === name)!.run()

  it('closes the dialog, and says what was done and what is left', async () => {
    await finish()
    expect(dialog.value).toBe(null)
    expect(labels.value.version).toBe(2)
    expect(messages.value[0]!.text).toBe('Finished. With 95 % confidence at most 5 % of all labels are wrong.')
    press('Show the 1 photo left')
    expect([...selected.value]).toEqual([0, 0, 0, 0, 1, 0])
    expect(review.value?.ids).toEqual([4])
  })
  it('is taken back from its message', async () => {
    let undone = 0
    api.undo = async () => {
      undone++
      return named(3, [0, 1, -1, -1, -1, 0], 'front', 'rear')
    }
    api.labels = async () => ({ ...named(2, [0, 1, 1, 1, -1, 0], 'front', 'rear'), undo: 'finish' })
    await finish()
    press('Undo')
    await vi.runAllTimersAsync()
    expect(undone).toBe(1)
    expect(labels.value.version).toBe(3)
  })
  it('does not take back a later change instead', async () => {
    await finish()
    takeLabels(named(3, [0, 1, 1, 1, 0, 0], 'front', 'rear'))
    press('Undo')
    expect(messages.value.at(-1)!.text).toMatch(/^Labels have changed since/)
  })
  it('keeps the dialog with the server’s sentence where it failed', async () => {
    api.finish = () => Promise.reject(new ApiError('The disk is full.', 507))
    await finish()
    expect(dialog.value).toEqual({ kind: 'finish' })
    expect(plan.value).toEqual({ problem: 'The disk is full.' })
  })
})
