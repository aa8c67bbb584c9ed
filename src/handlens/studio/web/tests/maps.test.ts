import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { CollectionState, Photos } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi, updateCollection } from '../src/state/collection'
import {
  bettered,
  cancelMap,
  drawn,
  fillTable,
  forgetProgress,
  goOn,
  goTo,
  halted,
  mapError,
  mapPending,
  miniMaps,
  positions,
  progressed,
  working,
} from '../src/state/maps'
import { layer, lookAt, projection } from '../src/state/view'

let answer: ((xy: Float32Array) => void) | undefined
beforeEach(() => {
  const api = new CollectionApi('c')
  answer = undefined
  api.map = () => new Promise((done) => (answer = done))
  setApi(api)
  replaceCollection({ count: 1, maps_version: 1, layers: [], projections: [] } as unknown as CollectionState)
  lookAt('', '')
  forgetProgress()
})

describe('a map asked for', () => {
  it('is pending until it is there, and again when the server has a newer one', async () => {
    expect(mapPending.value).toBe(false)
    goTo('fine what', 'pca-1-2')
    expect(mapPending.value).toBe(true)
    answer!(new Float32Array([0.5, 0.25]))
    await vi.waitUntil(() => !mapPending.value)
    expect([...positions.value!]).toEqual([0.5, 0.25])
    updateCollection({ maps_version: 2 })
    expect(mapPending.value).toBe(true)
  })
  it('may be there before the work on it is over, which is told of until then', async () => {
    goTo('coarse what', 'neighbours')
    progressed('coarse what', 'neighbours', { share: 0.5, secondsLeft: 4 })
    answer!(new Float32Array([0, 0]))
    await vi.waitUntil(() => !mapPending.value)
    expect(working.value.get('coarse what neighbours')).toEqual({ share: 0.5, secondsLeft: 4 })
    progressed('coarse what', 'neighbours', { share: 1, secondsLeft: 0 })
    expect(working.value.size).toBe(0)
  })
  it('is named as coming, while the header names the one on the screen', async () => {
    goTo('first what', 'pca-1-2')
    answer!(new Float32Array([0, 0]))
    await vi.waitUntil(() => !mapPending.value)
    goTo('second what', 'pca-5-6')
    expect(drawn.value).toEqual({ layer: 'first what', projection: 'pca-1-2' })
    answer!(new Float32Array([1, 1]))
    await vi.waitUntil(() => !mapPending.value)
    expect(drawn.value).toEqual({ layer: 'second what', projection: 'pca-5-6' })
  })
  it('can be cancelled: then the one on the screen is the one asked for', async () => {
    goTo('third what', 'pca-1-2')
    answer!(new Float32Array([0, 0]))
    await vi.waitUntil(() => !mapPending.value)
    const asked: string[] = []
    let refuse: ((error: Error) => void) | undefined
    const api = new CollectionApi('c')
    api.map = () => new Promise((_, no) => (refuse = no))
    api.cancelMap = async (...of) => void asked.push(...of)
    setApi(api)
    goTo('other what', 'neighbours')
    progressed('other what', 'neighbours', { share: 0.2, secondsLeft: 8 })
    await cancelMap()
    refuse!(new Error('It was cancelled.'))
    progressed('other what', 'neighbours', { share: 1, secondsLeft: 0 })
    expect(asked).toEqual(['other what', 'neighbours'])
    expect([layer.value, projection.value]).toEqual(['third what', 'pca-1-2'])
    await vi.waitUntil(() => !mapPending.value)
    expect(mapError.value).toBe(null)
    expect(working.value.size).toBe(0)
  })
  it('can be cancelled while it gets better, and gone on with', async () => {
    goTo('fourth what', 'neighbours')
    answer!(new Float32Array([0, 0]))
    await vi.waitUntil(() => !mapPending.value)
    const cancelled: string[] = []
    let asked = 0
    const api = new CollectionApi('c')
    api.map = async () => new Float32Array([++asked, 0])
    api.cancelMap = async (...of) => void cancelled.push(...of)
    setApi(api)
    await cancelMap()
    expect(cancelled).toEqual(['fourth what', 'neighbours'])
    expect([layer.value, projection.value]).toEqual(['fourth what', 'neighbours'])
    expect(halted.value.has('fourth what neighbours')).toBe(true)
    bettered('fourth what', 'neighbours') // kept just before it was cancelled: asking would begin it again
    expect(asked).toBe(0)
    goOn()
    await vi.waitUntil(() => !mapPending.value)
    expect(asked).toBe(1)
    expect(halted.value.size).toBe(0)
    expect([...positions.value!]).toEqual([1, 0])
  })
})

describe('the light table', () => {
  const fill = async (count: number): Promise<string[]> => {
    const asked: string[] = []
    const api = new CollectionApi('c')
    api.map = async (l, p) => {
      asked.push(`${l} ${p}`)
      return new Float32Array(2 * count).fill(0.5)
    }
    api.mapSample = async (l, p, first) => {
      asked.push(`${first} of ${l} ${p}`)
      return Float32Array.of(0.25, 0.5, 0.75, 1)
    }
    setApi(api)
    const layers = [{ id: `of ${count}`, pooling: 'what' }]
    replaceCollection({
      count,
      maps_version: 1,
      layers,
      projections: [{ id: 'pca-1-2' }],
    } as unknown as CollectionState)
    replacePhotos({ order: Int32Array.from({ length: count }, (_, row) => count - 1 - row) } as Photos)
    await fillTable()
    return asked
  }
  it('takes whole maps of few photos, so that one can step to them at once', async () => {
    expect(await fill(2)).toEqual(['of 2 pca-1-2'])
  })
  it('takes the first photos alone of many', async () => {
    expect(await fill(20_001)).toEqual(['1500 of of 20001 pca-1-2'])
    const mini = miniMaps.value.get('of 20001 pca-1-2')
    expect(mini).toMatchObject({ ids: Int32Array.of(20_000, 19_999), xy: Float32Array.of(0.25, 0.5, 0.75, 1) })
  })
})
