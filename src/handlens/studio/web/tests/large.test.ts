import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { CollectionState, Photos } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import { closeDialog, dialog, openDialog } from '../src/state/dialogs'
import { labelOf, openLabels } from '../src/state/labels'
import { around, labelPhoto, place, step, unlabelPhoto } from '../src/state/large'
import { maskOf } from '../src/state/masks'
import { at, closeReview, openReview, review } from '../src/state/review'
import { replaceSelection } from '../src/state/selection'
import { setShown } from '../src/state/view'
import { named } from './made'

let api: CollectionApi
const shownId = (): number | null => (dialog.value?.kind === 'photo' ? dialog.value.id : null)

beforeEach(() => {
  api = new CollectionApi('c')
  setApi(api)
  replaceCollection({ count: 6 } as CollectionState)
  replacePhotos({ order: Int32Array.from([5, 3, 1, 0, 2, 4]) } as Photos)
  openLabels(named(1, [0, -1, -1, -1, -1, -1], 'car'))
  closeDialog()
  closeReview()
  replaceSelection(new Uint8Array(6), 'call')
  setShown('all')
})

describe('the photo before and after', () => {
  it('is one of those that it was opened among', () => {
    openDialog({ kind: 'photo', id: 4, among: [2, 4, 0] })
    expect(place.value).toEqual({ at: 1, of: 3 })
    expect(around.value).toEqual([0, 2])
    step(1)
    expect(shownId()).toBe(0)
    step(1)
    expect(shownId()).toBe(0)
    step(-1)
    step(-1)
    expect(shownId()).toBe(2)
    step(-1)
    expect(shownId()).toBe(2)
  })

  it('is one of the selection, opened from the map', () => {
    replaceSelection(maskOf([1, 3, 5], 6), 'lasso')
    openDialog({ kind: 'photo', id: 3 })
    step(1)
    expect(shownId()).toBe(5)
  })

  it('is one on the map where it is not selected', () => {
    setShown(3) // the photos 5, 3 and 1
    openDialog({ kind: 'photo', id: 3 })
    expect(place.value).toEqual({ at: 1, of: 3 })
    step(-1)
    expect(shownId()).toBe(1)
  })

  it('is missing for a photo that is not on the map', () => {
    setShown(3)
    openDialog({ kind: 'photo', id: 4 })
    expect(place.value).toEqual({ at: 0, of: 1 })
  })

  it('takes the grid along', async () => {
    api.spread = () => Promise.reject(new Error('not now'))
    replaceSelection(maskOf([1, 3, 5], 6), 'lasso')
    await openReview()
    openDialog({ kind: 'photo', id: 1, among: review.value!.ids })
    step(1)
    step(1)
    expect(at.value).toBe(2)
  })
})

it('gets a label, loses it, and says how it got it', async () => {
  api.assign = vi.fn().mockResolvedValue(named(2, [0, 0, -1, -1, -1, -1], 'car'))
  expect(await labelPhoto(1, 'car')).toBe(true)
  expect(api.assign).toHaveBeenCalledExactlyOnceWith(maskOf([1], 6), 'car', 'click')
  expect(labelOf(1)).toBe('car')
  api.remove = vi.fn().mockResolvedValue(named(3, [0, -1, -1, -1, -1, -1], 'car'))
  await unlabelPhoto(1)
  expect(labelOf(1)).toBeNull()
})
