import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { CollectionState, Photos, Suspects } from '../src/server/types'
import { replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import { labelOf, openLabels, undo } from '../src/state/labels'
import { maskOf } from '../src/state/masks'
import { messages } from '../src/state/messages'
import { at, closeReview, moveTo, review } from '../src/state/review'
import { replaceSelection, selectedCount } from '../src/state/selection'
import {
  decision,
  doubtText,
  keepLabels,
  labelSuspects,
  leftCount,
  showSuspects,
  takeSuggested,
} from '../src/state/suspects'
import { named } from './made'

const NAMES = ['car', 'van', 'bus']
const mask = (...ids: number[]): Uint8Array => maskOf(ids, 6)
/** Photos 4, 0 and 2 are doubted: each is labelled car, and looks like the label after it. */
const doubted = (
  of: [number, number][] = [
    [4, 1],
    [0, 2],
    [2, 1],
  ],
  version = 'quick-1',
): Suspects => ({
  version,
  judged: 6,
  names: NAMES,
  ids: Int32Array.from(of, ([id]) => id),
  given: Int16Array.from(of, () => 0),
  suggested: Int16Array.from(of, ([, code]) => code),
  probability: Float32Array.from(of, () => 0.02),
  suggested_probability: Float32Array.from(of, () => 0.97),
})

let api: CollectionApi
beforeEach(async () => {
  closeReview()
  api = new CollectionApi('c')
  setApi(api)
  replaceCollection({ count: 6 } as CollectionState)
  replacePhotos({ order: Int32Array.from([0, 1, 2, 3, 4, 5]) } as Photos)
  openLabels(named(1, [0, 0, 0, 1, 0, 2], ...NAMES))
  replaceSelection(new Uint8Array(6), 'call')
  api.suspects = () => Promise.resolve(doubted())
  await showSuspects()
})

it('come in the order of the server, each with both names', () => {
  expect(review.value).toMatchObject({ kind: 'suspects', ids: [4, 0, 2] })
  expect(doubtText(4)).toBe('labelled car · looks like van, 97 %')
  expect(doubtText(0)).toBe('labelled car · looks like bus, 97 %')
  expect(leftCount()).toBe(3)
})

describe('a label', () => {
  it('is kept by one key, which goes on to the next; nothing moves', async () => {
    api.keepSuspects = vi.fn().mockResolvedValue(named(2, [0, 0, 0, 1, 0, 2], ...NAMES))
    api.suspects = () =>
      Promise.resolve(
        doubted([
          [0, 2],
          [2, 1],
        ]),
      )
    const saved = keepLabels()
    expect([decision(4), at.value]).toEqual(['kept', 1])
    await saved
    expect(api.keepSuspects).toHaveBeenCalledExactlyOnceWith(mask(4), 'quick-1')
    expect(review.value?.ids).toEqual([4, 0, 2])
    expect(doubtText(4)).toBe('labelled car · kept')
  })

  it('is doubted again if it could not be kept, or that was undone', async () => {
    api.keepSuspects = () => Promise.reject(new Error('the disk is full'))
    await keepLabels()
    expect(decision(4)).toBeNull()
    api.keepSuspects = () => Promise.resolve({ ...named(2, [0, 0, 0, 1, 0, 2], ...NAMES), undo: 'keep' })
    api.suspects = () =>
      Promise.resolve(
        doubted([
          [0, 2],
          [2, 1],
        ]),
      )
    moveTo(0)
    await keepLabels()
    expect(decision(4)).toBe('kept')
    api.undo = () => Promise.resolve(named(3, [0, 0, 0, 1, 0, 2], ...NAMES))
    api.suspects = () => Promise.resolve(doubted())
    await undo()
    await vi.waitFor(() => expect(decision(4)).toBeNull())
  })

  it('is changed to the one suggested, several at once', async () => {
    api.takeSuggested = vi.fn().mockResolvedValue(named(2, [2, 0, 0, 1, 1, 2], ...NAMES))
    replaceSelection(mask(0, 4), 'review')
    const saved = takeSuggested()
    expect([labelOf(0), labelOf(4), labelOf(2)]).toEqual(['bus', 'van', 'car'])
    expect([decision(0), at.value, selectedCount.value]).toEqual(['now bus', 2, 0])
    expect(await saved).toBeUndefined()
    expect(api.takeSuggested).toHaveBeenCalledExactlyOnceWith(mask(0, 4), 'quick-1')
    expect(leftCount()).toBe(1)
  })

  it('is changed to any other one', async () => {
    api.assign = vi.fn().mockResolvedValue(named(2, [0, 0, 0, 1, 2, 2], ...NAMES))
    await labelSuspects('bus')
    expect(api.assign).toHaveBeenCalledExactlyOnceWith(mask(4), 'bus', 'review')
    expect(decision(4)).toBe('now bus')
    expect(review.value?.ids).toEqual([4, 0, 2])
  })

  it('that was decided is not decided again', async () => {
    api.keepSuspects = vi.fn().mockResolvedValue(named(2, [0, 0, 0, 1, 0, 2], ...NAMES))
    api.suspects = () =>
      Promise.resolve(
        doubted([
          [0, 2],
          [2, 1],
        ]),
      )
    await keepLabels()
    moveTo(0)
    await keepLabels()
    expect(api.keepSuspects).toHaveBeenCalledTimes(1)
  })

  it('that is called otherwise is shown by its new name', async () => {
    api.suspects = () => Promise.resolve({ ...doubted(), names: ['auto', 'van', 'bus'] })
    openLabels(named(2, [0, 0, 0, 1, 0, 2], 'auto', 'van', 'bus'))
    await vi.waitFor(() => expect(doubtText(4)).toBe('labelled auto · looks like van, 97 %'))
  })
})

it('are those of the new model once it is trained again', async () => {
  api.suspects = () => Promise.resolve(doubted([[5, 1]], 'quick-2'))
  openLabels(named(2, [0, 0, 0, 1, 0, 0], ...NAMES))
  await vi.waitFor(() => expect(review.value?.ids).toEqual([5]))
})

it('that are missing are explained', async () => {
  closeReview()
  api.suspects = () => Promise.resolve(doubted([]))
  await showSuspects()
  expect(review.value).toBeNull()
  expect(messages.value.at(-1)?.text).toBe('The model doubts none of the 6 labels that it could judge.')
  api.suspects = () => Promise.resolve({ ...doubted([]), judged: 0 })
  await showSuspects()
  expect(messages.value.at(-1)?.text).toMatch(/^No label can be judged yet/)
})

it('leave the keys to the page as soon as they are closed', async () => {
  const document = { body: {}, documentElement: { dataset: {} } }
  vi.stubGlobal('document', document)
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }))
  vi.stubGlobal('localStorage', { getItem: () => null })
  vi.stubGlobal('addEventListener', () => undefined)
  const { inReview } = await import('../src/components/SuspectsReview')
  const event = { target: document.body } as unknown as KeyboardEvent
  expect(inReview(event)).toBe(true)
  closeReview()
  expect(inReview(event)).toBe(false)
})
