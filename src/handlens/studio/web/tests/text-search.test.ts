import { beforeEach, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { Photos } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import { openLabels } from '../src/state/labels'
import { closeReview, MOST_FOUND, review, showNearest, sortReview, sortsOut, toggleKept } from '../src/state/review'
import { gesture, replaceSelection, selected } from '../src/state/selection'
import { searchFor, sentence } from '../src/state/text-search'
import { collection, named } from './made'

let api: CollectionApi
const search = vi.fn()

beforeEach(() => {
  api = new CollectionApi('c')
  api.search = search
  setApi(api)
  replaceCollection(collection({ text_search: 'clip' }))
  replacePhotos({ order: Int32Array.from([0, 1, 2, 3, 4, 5]) } as Photos)
  openLabels(named(1, [-1, -1, -1, -1, -1, -1]))
  closeReview()
  replaceSelection(new Uint8Array(6), 'call')
  search.mockReset()
  search.mockImplementation((words: string) =>
    Promise.resolve({
      ids: Int32Array.from(words === 'a red car' ? [4, 1, 3] : [0, 1]),
      similarities: new Float32Array(),
    }),
  )
})

it('shows the photos that are described best, as a selection of its own kind', async () => {
  await searchFor('a red car')
  expect(search).toHaveBeenCalledExactlyOnceWith('a red car', MOST_FOUND)
  expect(review.value).toMatchObject({ kind: 'search', title: '“a red car”', ids: [4, 1, 3], order: 'as-is' })
  expect([...selected.value]).toEqual([0, 1, 0, 1, 1, 0])
  expect(gesture.value).toBe('search')
  expect(sentence.value).toBe('a red car')
  expect(sortsOut.value).toBe(true)
})

it('keeps out what was thrown out while more is shown, until other words are searched for', async () => {
  await searchFor('a red car')
  toggleKept(1)
  showNearest(24)
  expect(review.value!.ids).toEqual([4, 1, 3])
  expect([...selected.value]).toEqual([0, 0, 0, 1, 1, 0])
  await searchFor('a wheel')
  expect(review.value).toMatchObject({ title: '“a wheel”', ids: [0, 1] })
  expect([...selected.value]).toEqual([1, 1, 0, 0, 0, 0])
})

it('shows as many as are wanted, and the best first again after another order', async () => {
  await searchFor('a red car')
  showNearest(2)
  expect(review.value!.ids).toEqual([4, 1])
  showNearest(48)
  api.spread = () => Promise.resolve({ ids: Int32Array.from([3, 4, 1]), distances: new Float32Array(3) })
  await sortReview('odd-first')
  expect(review.value!.ids).toEqual([3, 4, 1])
  await sortReview('as-is')
  expect(review.value!.ids).toEqual([4, 1, 3])
})
