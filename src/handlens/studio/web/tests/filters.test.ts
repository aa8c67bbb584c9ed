import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import { ApiError } from '../src/server/http'
import type { CollectionState, Filter, Photos } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import {
  addCondition,
  askAgain,
  changeItem,
  clearFilter,
  filter,
  found,
  foundCount,
  matchBy,
  problem,
  removeItem,
  reviewFound,
  useSaved,
} from '../src/state/filters'
import { openLabels, takeLabels } from '../src/state/labels'
import { idsOf, maskOf } from '../src/state/masks'
import { closeReview, review } from '../src/state/review'
import { replaceSelection, selected } from '../src/state/selection'
import { bar, currentView, restoreView, setShown, shownMask } from '../src/state/view'
import { named } from './made'

const mask = (...ids: number[]): Uint8Array => maskOf(ids, 6)
const shownIds = (): number[] => idsOf(shownMask.value)

let api: CollectionApi
let answer: (tree: Filter) => Uint8Array
beforeEach(() => {
  vi.useFakeTimers()
  api = new CollectionApi('c')
  setApi(api)
  answer = () => mask(1, 3, 5)
  vi.spyOn(api, 'spread').mockRejectedValue(new Error('not now'))
  vi.spyOn(api, 'filter').mockImplementation(async (tree) => answer(tree))
  replacePhotos({ order: Int32Array.from([5, 4, 3, 2, 1, 0]), paths: [], left_out: [] } as unknown as Photos)
  openLabels(named(1, [0, 0, 1, -1, -1, -1], 'car', 'van'))
  replaceCollection({ id: 'c', as_of: 1, count: 6, left_out: 0, maps_version: 1 } as CollectionState)
  replaceSelection(mask(), 'call')
  setShown('all')
})
afterEach(() => {
  closeReview()
  clearFilter()
  vi.useRealTimers()
})

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

it('asks once for each filter, and shows only what it means', async () => {
  addCondition('label')
  expect(filter.value).toBeNull()
  await settled()
  expect(shownIds()).toEqual([0, 1, 2, 3, 4, 5])
  changeItem(0, { of: { field: 'label', names: ['car'] } })
  await settled()
  expect(api.filter).toHaveBeenCalledExactlyOnceWith({ field: 'label', names: ['car'] }, 6)
  expect(shownIds()).toEqual([1, 3, 5])
  expect(foundCount.value).toBe(3)
  clearFilter()
  expect(shownIds()).toEqual([0, 1, 2, 3, 4, 5])
  expect(bar.value).toBeNull()
})

it('samples among the photos of the filter', async () => {
  setShown(2)
  expect(shownIds()).toEqual([4, 5])
  addCondition('left_out')
  await settled()
  expect(shownIds()).toEqual([3, 5])
})

it('joins, turns round and removes conditions', async () => {
  addCondition('left_out')
  addCondition('disagreement')
  changeItem(1, { not: true })
  matchBy('any')
  expect(filter.value).toEqual({ any: [{ field: 'left_out' }, { not: { field: 'disagreement' } }] })
  removeItem(0)
  expect(filter.value).toEqual({ not: { field: 'disagreement' } })
  useSaved({ name: 'a', filter: { all: [{ field: 'left_out' }, { field: 'disagreement' }] } })
  expect(bar.value!.items.map(({ of }) => of)).toEqual([{ field: 'left_out' }, { field: 'disagreement' }])
})

it('takes photos that are no longer shown out of the selection', async () => {
  replaceSelection(mask(0, 1, 2, 3), 'lasso')
  addCondition('left_out')
  await settled()
  expect(idsOf(selected.value)).toEqual([1, 3])
})

it('asks again a moment after labels have changed, once, and leaves the selection alone', async () => {
  addCondition('left_out')
  await settled()
  replaceSelection(mask(1, 3), 'lasso')
  answer = () => mask(5)
  takeLabels(named(2, [0, 0, 1, 0, -1, -1], 'car', 'van'))
  await vi.advanceTimersByTimeAsync(200)
  takeLabels(named(3, [0, 0, 1, 0, 0, -1], 'car', 'van'))
  await vi.advanceTimersByTimeAsync(299)
  expect(api.filter).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(api.filter).toHaveBeenCalledTimes(2)
  expect(shownIds()).toEqual([5])
  expect(idsOf(selected.value)).toEqual([1, 3])
})

it('keeps photos under review on the map until the review is closed', async () => {
  addCondition('left_out')
  await settled()
  await reviewFound()
  expect(review.value!.ids).toEqual([1, 3, 5])
  expect(idsOf(selected.value)).toEqual([1, 3, 5])
  answer = () => mask(5)
  takeLabels(named(2, [0, 0, 1, 0, -1, -1], 'car', 'van'))
  await vi.advanceTimersByTimeAsync(300)
  expect(foundCount.value).toBe(1)
  expect(shownIds()).toEqual([1, 3, 5])
  closeReview()
  expect(shownIds()).toEqual([5])
})

it('says why a filter cannot be applied, and shows all photos', async () => {
  answer = () => {
    throw new ApiError('No label is called “x”.', 400)
  }
  addCondition('left_out')
  await settled()
  expect(problem.value).toBe('No label is called “x”.')
  expect(found.value).toBeNull()
  expect(shownIds()).toEqual([0, 1, 2, 3, 4, 5])
  answer = () => mask(2)
  await askAgain()
  expect(problem.value).toBeNull()
  expect(shownIds()).toEqual([2])
})

it('keeps what it knows while the server is away', async () => {
  addCondition('left_out')
  await settled()
  answer = () => {
    throw new ApiError('Studio does not answer.', 0)
  }
  takeLabels(named(2, [0, 0, 1, 0, -1, -1], 'car', 'van'))
  await vi.advanceTimersByTimeAsync(300)
  expect(problem.value).toBe('Studio does not answer.')
  expect(shownIds()).toEqual([1, 3, 5])
})

it('takes the answer to the last question only', async () => {
  const waiting: ((of: Uint8Array) => void)[] = []
  vi.mocked(api.filter).mockImplementation(() => new Promise((done) => waiting.push(done)))
  addCondition('left_out')
  addCondition('disagreement')
  waiting[1]!(mask(2))
  await settled()
  waiting[0]!(mask(0))
  await settled()
  expect(shownIds()).toEqual([2])
})

it('follows a label that is renamed', async () => {
  useSaved({ name: 'cars', filter: { field: 'label', names: ['car'] } })
  takeLabels(named(2, [0, 0, 1, -1, -1, -1], 'auto', 'van'))
  await settled()
  expect(filter.value).toEqual({ field: 'label', names: ['auto'] })
})

it('is part of the view that is kept', async () => {
  addCondition('left_out')
  const kept = currentView()
  clearFilter()
  expect(currentView().filter).toBeUndefined()
  restoreView(kept)
  expect(filter.value).toEqual({ field: 'left_out' })
})
