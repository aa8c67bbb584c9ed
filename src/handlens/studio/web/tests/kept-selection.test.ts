import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Photos } from '../src/server/types'
import { replacePhotos } from '../src/state/collection'
import { keepSelection, restoreSelection } from '../src/state/kept-selection'
import { maskOf } from '../src/state/masks'
import { closeReview, review, setReview } from '../src/state/review'
import { gesture, replaceSelection, selected } from '../src/state/selection'

const stored = new Map<string, string>()
const storage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => void stored.set(key, value),
  removeItem: (key: string) => void stored.delete(key),
}
const open = (...paths: string[]): void => replacePhotos({ paths } as Photos)

beforeEach(() => {
  stored.clear()
  vi.stubGlobal('sessionStorage', storage)
  open('a.png', 'b.png', 'c.png')
  replaceSelection(maskOf([0, 2], 3), 'lasso')
  keepSelection('pets')
  replaceSelection(new Uint8Array(3), 'click')
})

describe('the selection after a refresh', () => {
  it('is what it was, with how it was made', () => {
    restoreSelection('pets', 3)
    expect([...selected.value]).toEqual([1, 0, 1])
    expect(gesture.value).toBe('lasso')
  })
  it('is what it was when photos were added to the folder', () => {
    open('a.png', 'b.png', 'c.png', 'd.png')
    restoreSelection('pets', 4)
    expect([...selected.value]).toEqual([1, 0, 1, 0])
  })
  it('is empty in another collection, or one made again of other photos', () => {
    restoreSelection('cars', 3)
    expect([...selected.value]).toEqual([0, 0, 0])
    open('a.png', 'c.png', 'b.png')
    restoreSelection('pets', 3)
    expect([...selected.value]).toEqual([0, 0, 0])
    open('a.png')
    restoreSelection('pets', 1)
    expect([...selected.value]).toEqual([0])
  })
  it('is empty once it was emptied', () => {
    keepSelection('pets')
    restoreSelection('pets', 3)
    expect([...selected.value]).toEqual([0, 0, 0])
  })
  it.each(['{', '{"ids": 3}', '"x"', '{"ids": [0], "hash": 1}', '7'])('is empty where %s is stored', (text) => {
    stored.set('handlens-selection-pets', text)
    restoreSelection('pets', 3)
    expect([...selected.value]).toEqual([0, 0, 0])
  })
  it('comes with the open review, also with the photos thrown out of it', () => {
    replaceSelection(maskOf([0], 3), 'lasso')
    setReview({ kind: 'selection', title: 'car as van', ids: [2, 0, 1], from: new Set(), order: 'odd-first' })
    keepSelection('pets')
    closeReview()
    replaceSelection(new Uint8Array(3), 'click')
    restoreSelection('pets', 3)
    expect([...selected.value]).toEqual([1, 0, 0])
    expect(review.value).toMatchObject({ title: 'car as van', ids: [2, 0, 1], order: 'odd-first' })
    closeReview()
    keepSelection('pets')
    restoreSelection('pets', 3)
    expect(review.value).toBeNull()
  })
  it('is empty where the browser stores nothing', () => {
    const refuse = (): never => {
      throw new Error('denied')
    }
    vi.stubGlobal('sessionStorage', { getItem: refuse, setItem: refuse, removeItem: refuse })
    keepSelection('pets')
    restoreSelection('pets', 3)
    expect([...selected.value]).toEqual([0, 0, 0])
  })
})
