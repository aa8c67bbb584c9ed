import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { CollectionState, DuplicateSearch, Photos } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import {
  cancelSearch,
  groups,
  headings,
  labelAlike,
  labelGroup,
  pickCopies,
  pickGroup,
  showDuplicates,
  toLabelAlike,
} from '../src/state/duplicates'
import { openLabels } from '../src/state/labels'
import { maskOf } from '../src/state/masks'
import { messages } from '../src/state/messages'
import { at, closeReview, moveTo, review } from '../src/state/review'
import { gesture, replaceSelection, selected } from '../src/state/selection'
import { named } from './made'

const mask = (...ids: number[]): Uint8Array => maskOf(ids, 6)
const IDLE: DuplicateSearch = {
  running: false,
  phase: 'idle',
  done: 0,
  total: 0,
  seconds_left: null,
  error: null,
  groups: null,
}
let now = 0
const state = (search: Partial<DuplicateSearch>): CollectionState =>
  ({ id: 'c', as_of: ++now, count: 6, duplicates: { ...IDLE, ...search } }) as CollectionState

let api: CollectionApi
beforeEach(() => {
  closeReview()
  api = new CollectionApi('c')
  setApi(api)
  replacePhotos({ order: Int32Array.from([0, 1, 2, 3, 4, 5]) } as Photos)
  openLabels(named(1, [0, -1, -1, 1, 0, -1], 'car', 'van'))
  replaceSelection(new Uint8Array(6), 'call')
  // The photos 0, 5 and 1 are one group, 3 and 4 the other.
  api.duplicates = () =>
    Promise.resolve({
      ids: Int32Array.from([0, 5, 1, 3, 4]),
      groups: Int32Array.from([0, 0, 0, 1, 1]),
      kinds: Int16Array.from([0, 1, 2, 0, 2]),
    })
})

describe('the search', () => {
  beforeEach(() => {
    replaceCollection(state({ phase: 'cancelled' }))
    api.searchDuplicates = () => Promise.resolve(state({ running: true, phase: 'searching' }))
  })

  it('shows the groups as soon as it has ended', async () => {
    await showDuplicates()
    expect(review.value).toMatchObject({ kind: 'duplicates', ids: [] })
    replaceCollection(state({ running: true, phase: 'searching', done: 3, total: 12 }))
    expect(review.value?.ids).toEqual([])
    replaceCollection(state({ phase: 'done', done: 12, total: 12, groups: 2 }))
    await vi.waitFor(() => expect(review.value?.ids).toEqual([0, 5, 1, 3, 4]))
  })

  it('can be cancelled', async () => {
    api.cancelDuplicates = vi.fn(() => Promise.resolve(state({ phase: 'cancelled' })))
    await showDuplicates()
    await cancelSearch()
    expect(api.cancelDuplicates).toHaveBeenCalledOnce()
    expect(review.value).toBeNull()
  })

  it('goes on behind a closed view, and opens nothing by itself', async () => {
    await showDuplicates()
    closeReview()
    replaceCollection(state({ phase: 'done', groups: 2 }))
    await Promise.resolve()
    expect(review.value).toBeNull()
  })

  it('says why it failed', async () => {
    await showDuplicates()
    replaceCollection(state({ phase: 'failed', error: 'The disk is full.' }))
    expect(review.value).toBeNull()
    expect(messages.value.at(-1)?.text).toBe('Could not search for duplicates: The disk is full.')
  })

  it('says that there are none', async () => {
    const none = { ids: new Int32Array(0), groups: new Int32Array(0), kinds: new Int16Array(0) }
    api.duplicates = () => Promise.resolve(none)
    replaceCollection(state({ phase: 'done', groups: 0 }))
    await showDuplicates()
    expect(review.value).toBeNull()
    expect(messages.value.at(-1)?.text).toBe('No photo is in the collection twice.')
  })
})

describe('groups', () => {
  beforeEach(async () => {
    replaceCollection(state({ phase: 'done', groups: 2 }))
    await showDuplicates()
  })

  it('have headings with their labels', () => {
    expect(groups.value?.members).toEqual([
      [0, 5, 1],
      [3, 4],
    ])
    expect([...headings.value]).toEqual([
      [0, '3 photos · car, 2 without a label'],
      [3, '2 photos · different labels: van, car'],
    ])
  })

  it('give their label to the photos without one', async () => {
    expect(toLabelAlike.value).toEqual([5, 1])
    api.labelDuplicates = () => Promise.resolve(named(2, [0, 0, -1, 1, 0, 0], 'car', 'van'))
    await labelAlike()
    expect(toLabelAlike.value).toEqual([])
    expect(headings.value.get(0)).toBe('3 photos · car')
  })

  it('give no label where a check said that a photo shows none', async () => {
    replaceCollection({
      ...state({ phase: 'done', groups: 2 }),
      spot_check: { none_of_these: [1] },
    } as unknown as CollectionState)
    expect(toLabelAlike.value).toEqual([])
    expect(headings.value.get(0)).toBe('3 photos · different labels: car, none of your labels')
    openLabels(named(3, [-1, -1, -1, 1, 0, -1], 'car', 'van'))
    expect(toLabelAlike.value).toEqual([])
  })

  it('are picked whole, or all copies of all groups', () => {
    moveTo(3)
    pickGroup()
    expect([...selected.value]).toEqual([...mask(3, 4)])
    pickGroup()
    expect([...selected.value]).toEqual([...mask()])
    pickCopies()
    expect([...selected.value]).toEqual([...mask(5, 1, 4)])
    expect(gesture.value).toBe('duplicates')
  })

  it('are labelled whole, unless photos are picked; the keys go on to the next group', async () => {
    api.assign = vi.fn().mockResolvedValue(named(2, [1, 1, -1, 1, 0, 1], 'car', 'van'))
    await labelGroup('van')
    expect(api.assign).toHaveBeenLastCalledWith(mask(0, 1, 5), 'van', 'duplicates')
    expect(at.value).toBe(3)
    replaceSelection(mask(4), 'duplicates')
    await labelGroup('van')
    expect(api.assign).toHaveBeenLastCalledWith(mask(4), 'van', 'duplicates')
    expect(at.value).toBe(3)
    expect(review.value?.ids).toEqual([0, 5, 1, 3, 4])
  })
})
