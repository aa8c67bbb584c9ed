import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import { ApiError } from '../src/server/http'
import type { Kind, Labels, Predictions } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import { openLabels, takeLabels } from '../src/state/labels'
import { collection, named, report, spotCheck } from './made'

vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }))
vi.stubGlobal('localStorage', { getItem: () => null })
vi.stubGlobal('document', { documentElement: { dataset: {} } })
vi.stubGlobal('addEventListener', () => undefined)
const batch = await import('../src/state/batch')
const { loadPredictions } = await import('../src/state/model')

const NAMES = ['front', 'rear']

/** A server that keeps labels as Studio's does. */
class Server {
  codes: number[]
  names = [...NAMES]
  version = 1
  log: number[][] = []
  sent: [number[], string, Kind | undefined][] = []
  failures: Error[] = []
  asked: number[] = []
  trained = 0

  constructor(
    readonly suggests: number[],
    count: number,
  ) {
    this.codes = Array(count).fill(-1)
  }

  labels(): Labels {
    return { ...named(this.version, this.codes, ...this.names), undo: this.log.length > 0 ? 'the last' : null }
  }

  api(): CollectionApi {
    const api = new CollectionApi('c')
    api.next = async (n) => {
      this.asked.push(n)
      const failure = this.failures.shift()
      if (failure) throw failure
      return Int32Array.from(this.suggests.filter((id) => this.codes[id] === -1).slice(0, n))
    }
    api.assign = async (mask, name, gesture, kind) => {
      expect(gesture).toBe('review')
      const ids = [...mask.keys()].filter((id) => mask[id])
      this.sent.push([ids, name, kind])
      const failure = this.failures.shift()
      if (failure) throw failure
      if (!this.names.includes(name)) this.names.push(name)
      this.log.push(this.codes.slice())
      for (const id of ids) this.codes[id] = this.names.indexOf(name)
      this.version++
      return this.labels()
    }
    api.undo = async () => {
      this.codes = this.log.pop()!
      this.version++
      return this.labels()
    }
    api.train = async () => {
      this.trained++
      return report()
    }
    api.state = async () => collection({ count: this.codes.length, report: report() })
    return api
  }
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

let server: Server
/** Photos 0–4 are predicted front, with less and less probability; 5 and 6 rear; 7 has no prediction. */
async function open(suggests: number[], model = true): Promise<void> {
  server = new Server(suggests, 10)
  const api = server.api()
  const predictions: Predictions = {
    version: '1',
    names: NAMES,
    codes: model ? Int16Array.from([0, 0, 0, 0, 0, 1, 1, -1, 0, 1]) : new Int16Array(10).fill(-1),
    probability: Float32Array.from([0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.9, 0, 0.99, 0.99]),
  }
  api.predictions = async () => predictions
  setApi(api)
  replaceCollection(collection({ count: 10, report: model ? report() : null, spot_check: spotCheck() }))
  replacePhotos({
    paths: Array.from({ length: 10 }, (_, i) => `${i}.jpg`),
    order: new Int32Array(10),
    aspect: new Float32Array(10),
    prepared: 10,
    left_out: [],
  })
  openLabels(server.labels())
  await loadPredictions()
  await batch.suggest()
}

beforeEach(() => {
  vi.useRealTimers()
  batch.stopBatch()
})

describe('a batch', () => {
  it('is grouped by what the model predicts, the least sure first; small groups are named one by one', async () => {
    await open([0, 5, 1, 2, 6, 7])
    expect(batch.openGroup.value).toEqual({ name: 'front', ids: [2, 1, 0], place: 0 })
    expect(batch.shownPhoto.value).toBe(null)
    batch.confirmRest()
    expect(batch.openGroup.value).toBe(null)
    expect(batch.shownPhoto.value).toBe(5)
    expect(batch.guessOf(5)).toEqual({ name: 'rear', probability: 0.5 })
    await settle()
    expect(server.sent).toEqual([[[0, 1, 2], 'front', 'suggested']])
  })

  it('leaves the wrong ones for the view where they are named, without the guess that was wrong', async () => {
    await open([0, 1, 2, 3])
    batch.toggleWrong(1)
    batch.confirmRest()
    expect(batch.shownPhoto.value).toBe(1)
    expect(batch.guessOf(1)).toBe(null)
    batch.nameThese([1], 'rear')
    await settle()
    expect(server.sent).toEqual([
      [[0, 2, 3], 'front', 'suggested'],
      [[1], 'rear', 'by hand'],
    ])
    expect(batch.shownPhoto.value).toBe(null)
    expect(batch.labelledHere.value).toBe(4)
  })

  it('names a photo of the group at once, and confirms those that are left', async () => {
    await open([0, 1, 2, 3])
    batch.nameThese([0], ' three   quarters ')
    expect(batch.openGroup.value!.ids).toEqual([3, 2, 1])
    batch.confirmRest()
    await settle()
    expect(server.sent).toEqual([
      [[0], 'three quarters', 'by hand'],
      [[1, 2, 3], 'front', 'suggested'],
    ])
  })

  it('says that the guess was confirmed where its name was given', async () => {
    await open([5, 6])
    batch.nameThese([5], 'rear')
    batch.nameThese([6], 'front')
    await settle()
    expect(server.sent.map(([, name, kind]) => [name, kind])).toEqual([
      ['rear', 'suggested'],
      ['front', 'by hand'],
    ])
  })

  it('has no group before there is a model', async () => {
    await open([0, 1, 2, 3], false)
    expect([batch.openGroup.value, batch.shownPhoto.value, batch.guessOf(0)]).toEqual([null, 0, null])
  })

  it('where all are wrong sends nothing, and names them', async () => {
    await open([0, 1, 2])
    for (const id of [0, 1, 2]) batch.toggleWrong(id)
    batch.confirmRest()
    await settle()
    expect(server.sent).toEqual([])
    expect(batch.shownPhoto.value).toBe(2)
  })

  it('leaves out what somebody labels elsewhere meanwhile', async () => {
    await open([0, 1, 2, 3])
    server.codes[3] = 1
    server.version++
    takeLabels(server.labels())
    expect(batch.openGroup.value!.ids).toEqual([2, 1, 0])
  })

  it('does not bring back a label that was renamed elsewhere meanwhile', async () => {
    await open([0, 1, 2, 5])
    server.names[0] = 'Front'
    server.version++
    takeLabels(server.labels())
    expect(batch.openGroup.value).toBe(null)
    expect([batch.shownPhoto.value, batch.guessOf(2)]).toEqual([2, null])
    batch.nameThese([2], 'Front')
    expect(batch.shownPhoto.value).toBe(1)
  })

  it('says why nothing can be suggested', async () => {
    await open([])
    expect(batch.failed.value).toBe('You have skipped all photos that are left.')
    server.failures.push(new ApiError('every photo has a label, so there is nothing to suggest.', 400))
    await batch.suggest()
    expect(batch.failed.value).toBe('every photo has a label, so there is nothing to suggest.')
  })

  it('does not suggest again what was skipped', async () => {
    await open([8, 5])
    batch.skip()
    batch.nameThese([5], 'rear')
    expect([batch.labelledHere.value, batch.skippedHere.value]).toEqual([1, 1])
    await settle()
    server.suggests.push(6)
    await batch.suggest()
    expect(server.asked.at(-1)).toBe(batch.SUGGESTED + 1)
    expect(batch.shownPhoto.value).toBe(6)
    await batch.takeBack() // nothing to take back in the new batch
    expect(batch.shownPhoto.value).toBe(6)
  })
})

describe('taking back', () => {
  it('is one step for a group, whose photos come again with their marks', async () => {
    await open([0, 1, 2, 3])
    batch.toggleWrong(0)
    batch.confirmRest()
    await settle()
    expect(server.codes.slice(0, 4)).toEqual([-1, 0, 0, 0])
    await batch.takeBack()
    expect(server.codes.slice(0, 4)).toEqual([-1, -1, -1, -1])
    expect(batch.openGroup.value!.ids).toEqual([3, 2, 1, 0])
    expect([...batch.wrong.value]).toEqual([0])
  })

  it('goes back several answers, the skipped ones too', async () => {
    await open([5, 7, 6])
    batch.nameThese([5], 'rear')
    batch.nameThese([7], 'side')
    batch.skip()
    expect(batch.shownPhoto.value).toBe(null)
    await batch.takeBack()
    expect(batch.shownPhoto.value).toBe(6)
    await batch.takeBack()
    expect(batch.problem.value).toBe(null)
    expect(batch.shownPhoto.value).toBe(7)
    await batch.takeBack()
    expect(batch.shownPhoto.value).toBe(5)
    expect(server.codes.every((code) => code === -1)).toBe(true)
  })

  it('takes nothing of another tab back', async () => {
    await open([5, 6])
    batch.nameThese([5], 'rear')
    await settle()
    server.codes[9] = 0
    server.version++
    takeLabels(server.labels())
    await batch.takeBack()
    expect(batch.problem.value).toContain('Labels have changed since')
    expect(batch.shownPhoto.value).toBe(6)
    expect(server.codes[5]).toBe(1)
  })
})

describe('the server gone between two keys', () => {
  it('loses no answer: they are kept, said, and sent again in their order', async () => {
    await open([5, 6, 7])
    server.failures.push(new ApiError('Studio does not answer.', 0))
    vi.useFakeTimers()
    batch.nameThese([5], 'rear')
    await settle()
    batch.nameThese([6], 'front')
    expect(batch.problem.value).toBe('Studio does not answer.')
    expect(batch.unsent.value).toHaveLength(2)
    expect(batch.shownPhoto.value).toBe(7)
    await vi.advanceTimersByTimeAsync(3000)
    expect(server.codes.slice(5, 7)).toEqual([1, 0])
    expect([batch.problem.value, batch.unsent.value]).toEqual([null, []])
  })

  it('takes back an answer that was never sent without the server', async () => {
    await open([5, 6])
    server.failures.push(new ApiError('Studio does not answer.', 0))
    batch.nameThese([5], 'rear')
    await settle()
    await batch.takeBack()
    expect(batch.shownPhoto.value).toBe(5)
    expect(batch.unsent.value).toEqual([])
  })

  it('asks again for what the server refuses, such as a name that is too long', async () => {
    await open([5, 6])
    server.failures.push(new ApiError('a label must have 1 to 100 printable characters; 200 characters arrived.', 400))
    batch.nameThese([5], 'x'.repeat(200))
    await settle()
    expect(batch.problem.value).toContain('1 to 100 printable characters')
    expect(batch.shownPhoto.value).toBe(5)
  })

  it('does not train before all answers are there', async () => {
    await open([5, 6])
    server.failures.push(new ApiError('Studio does not answer.', 0))
    batch.nameThese([5], 'rear')
    await settle()
    server.failures.push(new ApiError('Studio does not answer.', 0))
    await batch.trainAndSuggest()
    expect(server.trained).toBe(0)
    await batch.takeBack()
  })
})

it('one call trains and suggests the next photos', async () => {
  await open([5, 6, 7])
  batch.nameThese([5], 'rear')
  batch.nameThese([6], 'front')
  batch.nameThese([7], 'front')
  await settle()
  server.suggests.push(9)
  await batch.trainAndSuggest()
  expect(server.trained).toBe(1)
  expect(batch.shownPhoto.value).toBe(9)
  expect(batch.labelledHere.value).toBe(0)
})

describe('all photos that are predicted as one label', () => {
  it('are unlabelled, of a label that exists, and not asked for by a check; the label with most photos is first', async () => {
    await open([])
    expect(batch.predictedCounts.value).toEqual([
      { name: 'front', count: 6 },
      { name: 'rear', count: 3 },
    ])
    replaceCollection(collection({ count: 10, report: report(), spot_check: spotCheck({ waiting: [4] }) }))
    openLabels(named(5, [0, -1, -1, -1, -1, -1, -1, -1, -1, -1], 'front'))
    expect(batch.predictedCounts.value).toEqual([{ name: 'front', count: 4 }])
    openLabels(named(6, [0, -1, -1, 0, -1, -1, -1, -1, -1, -1], 'front')) // counted from those before
    expect(batch.predictedCounts.value).toEqual([{ name: 'front', count: 3 }])
    await batch.confirmAll('front')
    expect(batch.openGroup.value).toEqual({ name: 'front', ids: [2, 1, 8], place: 0 })
  })

  it('come in pages, and what is wrong on a page is named before the next', async () => {
    await open([])
    await batch.confirmAll('rear')
    expect(batch.openGroup.value).toEqual({ name: 'rear', ids: [5, 6, 9], place: 0 })
    batch.toggleWrong(6)
    batch.confirmRest()
    expect(batch.shownPhoto.value).toBe(6)
    await settle()
    expect(server.sent).toEqual([[[5, 9], 'rear', 'suggested']])
  })
})
