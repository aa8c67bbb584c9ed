import { beforeEach, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { CollectionState, Labels, Photos } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import { assign, openLabels } from '../src/state/labels'
import { maskOf } from '../src/state/masks'
import { closeReview, findSimilar, keepAll, openReview, showNearest, sortReview, toggleKept } from '../src/state/review'
import { select, selectLabel, selectPhoto } from '../src/state/selecting'
import { gesture, replaceSelection, selected } from '../src/state/selection'
import { named } from './made'

const none: Labels = named(1, [-1, -1, -1, -1, -1, -1])
const mask = (...ids: number[]): Uint8Array => maskOf(ids, 6)

let api: CollectionApi
beforeEach(() => {
  api = new CollectionApi('c')
  setApi(api)
  replaceCollection({ count: 6 } as CollectionState)
  replacePhotos({ order: Int32Array.from([0, 1, 2, 3, 4, 5]) } as Photos)
  openLabels(none)
  closeReview()
  replaceSelection(new Uint8Array(6), 'call')
})

it('names a selection by the action that made it', () => {
  select(mask(0, 1), 'replace', 'lasso')
  expect(gesture.value).toBe('lasso')
  select(mask(1), 'replace', 'box')
  expect(gesture.value).toBe('box')
  selectPhoto(5, 'replace')
  expect(gesture.value).toBe('click')
})

it('names it by the last action that added photos', () => {
  select(mask(0, 1, 2), 'replace', 'lasso')
  selectPhoto(4, 'add')
  expect(gesture.value).toBe('click')
  select(mask(0), 'remove', 'box')
  selectPhoto(1, 'remove')
  expect(gesture.value).toBe('click')
  expect([...selected.value]).toEqual([0, 0, 1, 0, 1, 0])
})

it('keeps the name while photos are thrown out in the review grid', async () => {
  api.spread = () => Promise.resolve({ ids: Int32Array.from([2, 1, 0]), distances: new Float32Array(3) })
  select(mask(0, 1, 2), 'replace', 'lasso')
  await openReview()
  expect(await sortReview('odd-first')).toBe(true)
  toggleKept(2)
  expect(gesture.value).toBe('lasso')
  toggleKept(2)
  expect(gesture.value).toBe('review')
})

it('is a review when photos were chosen in the grid', async () => {
  api.spread = () => Promise.reject(new Error('not now'))
  select(mask(0, 1, 2), 'replace', 'box')
  await openReview()
  keepAll(false)
  expect(gesture.value).toBe('box')
  keepAll(true)
  expect(gesture.value).toBe('review')
})

it('is a similar search, also when more of what it found is shown', async () => {
  api.similar = () => Promise.resolve({ ids: Int32Array.from([3, 4, 5]), distances: new Float32Array(3) })
  selectPhoto(0, 'replace')
  expect(await findSimilar()).toBe(true)
  expect(gesture.value).toBe('similar')
  toggleKept(5)
  toggleKept(5)
  showNearest(2)
  expect(gesture.value).toBe('similar')
})

it('is a click when all photos of a label are selected', () => {
  openLabels({
    ...none,
    names: [{ name: 'front', count: 1, gestures: 0, colour: 0 }],
    codes: Int16Array.from([0, -1, -1, -1, -1, -1]),
  })
  select(mask(4), 'replace', 'lasso')
  selectLabel('front')
  expect(gesture.value).toBe('click')
})

it('is sent with the label', async () => {
  const sent = vi.fn().mockResolvedValue({ ...none, version: 2 })
  api.assign = sent
  select(mask(0, 1), 'replace', 'lasso')
  expect(await assign('front')).toBe(true)
  expect(sent).toHaveBeenCalledExactlyOnceWith(mask(0, 1), 'front', 'lasso')
})
