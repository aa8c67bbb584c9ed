import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'

/** A picture that comes when the test says so. */
class FakeImage {
  static all: FakeImage[] = []
  src = ''
  come: () => void = () => undefined
  fail: () => void = () => undefined
  constructor() {
    FakeImage.all.push(this)
  }
  decode(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.come = resolve
      this.fail = () => reject(new Error('no picture'))
    })
  }
}
vi.stubGlobal('Image', FakeImage)

const asked = (): string[] => FakeImage.all.map((image) => image.src.replace(/.*\/photos\//, ''))
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))
const comes = async (address: string): Promise<void> => {
  FakeImage.all.find((image) => image.src.endsWith(`/photos/${address}`))!.come()
  await settle()
}

let prefetch: typeof import('../src/state/prefetch')
beforeEach(async () => {
  vi.useRealTimers()
  vi.resetModules()
  FakeImage.all = []
  const collection = await import('../src/state/collection')
  collection.setApi(new CollectionApi('c'))
  prefetch = await import('../src/state/prefetch')
})

describe('photos are fetched ahead', () => {
  it('three at a time, in order, each small and then large', async () => {
    prefetch.wantPhotos([7, 8])
    expect(asked()).toEqual(['7/thumb', '7/view', '8/thumb'])
    await comes('7/thumb')
    expect(prefetch.fetched.value.get(7)).toBe('thumb')
    expect(asked()).toEqual(['7/thumb', '7/view', '8/thumb', '8/view'])
    await comes('7/view')
    expect(prefetch.fetched.value.get(7)).toBe('picture')
  })
  it('and none twice', async () => {
    prefetch.wantPhotos([7])
    await comes('7/view')
    await comes('7/thumb')
    expect(prefetch.fetched.value.get(7)).toBe('picture')
    prefetch.wantPhotos([7])
    expect(asked()).toEqual(['7/thumb', '7/view'])
  })
  it('what is no longer wanted gives way to what is', () => {
    prefetch.wantPhotos([1, 2])
    prefetch.wantPhotos([5])
    expect(asked()).toEqual(['', '', '', '5/thumb', '5/view'])
  })
  it('what was given up does not come later', async () => {
    prefetch.wantPhotos([1])
    const [small, large] = FakeImage.all
    prefetch.wantPhotos([])
    small!.come()
    large!.fail()
    await settle()
    expect(prefetch.fetched.value.size).toBe(0)
  })
  it('once the view is closed, none is, unless another view was opened in its place', async () => {
    const close = prefetch.wantPhotos([1, 2])
    prefetch.wantPhotos([2, 3])
    close()
    await settle()
    expect(asked()).toEqual(['', '', '2/thumb', '2/view', '3/thumb'])
    prefetch.wantPhotos([4])()
    await settle()
    expect(asked().slice(5)).toEqual(['', ''])
  })
  it('one that did not come is said, and tried again while it is on the screen', async () => {
    prefetch.wantPhotos([3])
    vi.useFakeTimers()
    FakeImage.all[1]!.fail()
    FakeImage.all[0]!.fail()
    await vi.advanceTimersByTimeAsync(0)
    expect(prefetch.fetched.value.get(3)).toBe('broken')
    await vi.advanceTimersByTimeAsync(3000)
    expect(prefetch.fetched.value.has(3)).toBe(false)
    expect(asked()).toEqual(['3/thumb', '3/view', '3/thumb', '3/view'])
  })
})
