import { beforeEach, describe, expect, it, vi } from 'vitest'
import { shareAfter } from '../src/components/Splitter'
import { CollectionApi } from '../src/server/api'
import type { CollectionState, Photos, Ranked } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import { assign, labelOf, openLabels, unlabel } from '../src/state/labels'
import { maskOf } from '../src/state/masks'
import {
  at,
  canBeWrong,
  closeReview,
  moveTo,
  openReview,
  review,
  sortReview,
  target,
  toggleKept,
  toggleTarget,
} from '../src/state/review'
import { select } from '../src/state/selecting'
import { replaceSelection, selected } from '../src/state/selection'
import { named } from './made'

const before = named(1, [0, 0, 0, 0, 1, -1], 'car', 'van')
const mask = (...ids: number[]): Uint8Array => maskOf(ids, 6)
const ranked = (...ids: number[]): Ranked => ({ ids: Int32Array.from(ids), distances: new Float32Array(ids.length) })

let api: CollectionApi
beforeEach(async () => {
  vi.useRealTimers()
  api = new CollectionApi('c')
  setApi(api)
  replaceCollection({ count: 6 } as CollectionState)
  replacePhotos({ order: Int32Array.from([0, 1, 2, 3, 4, 5]) } as Photos)
  openLabels(before)
  closeReview()
  replaceSelection(mask(0, 1, 2, 3), 'lasso')
  api.spread = () => Promise.resolve(ranked(2, 0, 3, 1))
})

describe('the order', () => {
  it('begins with the odd ones', async () => {
    await openReview()
    expect(review.value).toMatchObject({ ids: [2, 0, 3, 1], order: 'odd-first' })
  })

  it('is that of the folder if the server takes too long, and stays so', async () => {
    vi.useFakeTimers()
    let answer = (_: Ranked): void => undefined
    api.spread = () => new Promise((resolve) => (answer = resolve))
    const opened = openReview()
    expect(review.value).toBeNull()
    await vi.advanceTimersByTimeAsync(200)
    await opened
    expect(review.value).toMatchObject({ ids: [0, 1, 2, 3], order: 'as-is' })
    answer(ranked(3, 2, 1, 0))
    await vi.advanceTimersByTimeAsync(1000)
    expect(review.value?.ids).toEqual([0, 1, 2, 3])
  })

  it('is that of the folder where it cannot be sorted', async () => {
    api.spread = () => Promise.reject(new Error('no layer'))
    await openReview()
    expect(review.value?.ids).toEqual([0, 1, 2, 3])
  })

  it('is the one that the person chose last', async () => {
    await openReview()
    await sortReview('as-is')
    closeReview()
    await openReview()
    expect(review.value).toMatchObject({ ids: [0, 1, 2, 3], order: 'as-is' })
    await sortReview('odd-first')
    expect(review.value?.ids).toEqual([2, 0, 3, 1])
  })

  it('does not come back after another selection', async () => {
    const answers: ((found: Ranked) => void)[] = []
    api.spread = () => new Promise((resolve) => answers.push(resolve))
    const first = openReview()
    replaceSelection(mask(3, 4, 5), 'box')
    const second = openReview()
    answers[1]!(ranked(5, 4, 3))
    await second
    answers[0]!(ranked(2, 0, 3, 1))
    await first
    expect(review.value?.ids).toEqual([5, 4, 3])
  })
})

describe('photos that are wrong', () => {
  beforeEach(async () => {
    await openReview()
    toggleKept(0)
    toggleKept(3)
    expect(canBeWrong()).toBe(true)
    toggleTarget()
  })

  it('get another label in one step, and the others stay in the grid', async () => {
    api.assign = vi.fn().mockResolvedValue(named(2, [1, 0, 0, 1, 1, -1], 'car', 'van'))
    expect(await assign('van')).toBe(true)
    expect(api.assign).toHaveBeenCalledExactlyOnceWith(mask(0, 3), 'van', 'review')
    expect(review.value?.ids).toEqual([2, 1])
    expect([...selected.value]).toEqual([0, 1, 1, 0, 0, 0])
    expect(target.value).toBe('kept')
    expect(labelOf(0)).toBe('van')
  })

  it('lose their label in one step', async () => {
    api.remove = vi.fn().mockResolvedValue(named(2, [-1, 0, 0, -1, 1, -1], 'car', 'van'))
    await unlabel()
    expect(api.remove).toHaveBeenCalledExactlyOnceWith(mask(0, 3))
    expect(review.value?.ids).toEqual([2, 1])
    expect(labelOf(3)).toBeNull()
  })

  it('keep their label if the server refuses, and can be tried again', async () => {
    api.assign = () => Promise.reject(new Error('the disk is full'))
    expect(await assign('van')).toBe(false)
    expect(labelOf(0)).toBe('car')
  })

  it('are those kept again after the key is pressed again, or when none is thrown out', () => {
    toggleTarget()
    expect(target.value).toBe('kept')
    toggleTarget()
    toggleKept(0)
    expect(target.value).toBe('out')
    toggleKept(3)
    expect([target.value, canBeWrong()]).toEqual(['kept', false])
  })

  it('close the review if all were wrong', async () => {
    api.remove = vi.fn().mockResolvedValue(named(2, [-1, -1, -1, -1, 1, -1], 'car', 'van'))
    toggleKept(1)
    toggleKept(2)
    await unlabel()
    expect(review.value).toBeNull()
  })
})

it('throws out all photos between two with Shift', async () => {
  await openReview()
  toggleKept(0, [2, 0, 3])
  expect([...selected.value]).toEqual([0, 1, 0, 0, 0, 0])
})

it('begins at the first photo of another selection', async () => {
  await openReview()
  moveTo(3)
  select(mask(4, 5), 'replace', 'box')
  await vi.waitFor(() => expect(review.value?.ids).toEqual([4, 5]))
  expect(at.value).toBe(0)
})

it('moves the edge between map and review in steps, and no further than both can be seen', () => {
  expect(shareAfter('ArrowUp', 0.62)).toBe(0.67)
  expect(shareAfter('ArrowDown', 0.62)).toBe(0.57)
  expect(shareAfter('ArrowUp', 0.9)).toBe(0.9)
  expect(shareAfter('ArrowDown', 0.25)).toBe(0.25)
  expect([shareAfter('Home', 0.5), shareAfter('End', 0.5), shareAfter('Enter', 0.5)]).toEqual([0.9, 0.25, 0.62])
  expect(shareAfter('x', 0.5)).toBeUndefined()
})
