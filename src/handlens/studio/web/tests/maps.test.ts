import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { CollectionState } from '../src/server/types'
import { replaceCollection, setApi, updateCollection } from '../src/state/collection'
import { goTo, mapPending, positions, progressed, working } from '../src/state/maps'
import { lookAt } from '../src/state/view'

let answer: ((xy: Float32Array) => void) | undefined
beforeEach(() => {
  const api = new CollectionApi('c')
  answer = undefined
  api.map = () => new Promise((done) => (answer = done))
  setApi(api)
  replaceCollection({ count: 1, maps_version: 1, layers: [], projections: [] } as unknown as CollectionState)
  lookAt('', '')
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
  it('is no longer being worked on once it is there, whatever the server still says', async () => {
    goTo('coarse what', 'neighbours')
    progressed('coarse what', 'neighbours', 0.5)
    expect(working.value.get('coarse what neighbours')).toBe(0.5)
    answer!(new Float32Array([0, 0]))
    await vi.waitUntil(() => !mapPending.value)
    progressed('coarse what', 'neighbours', 0.65)
    expect(working.value.size).toBe(0)
  })
})
