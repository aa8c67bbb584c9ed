import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { View } from '../src/server/types'
import { keepView, takeKeptView } from '../src/state/kept-view'

const stored = new Map<string, string>()
const view = { layer: 'made/0/what', camera: { x: 0.1, y: -0.2, zoom: 3 } } as View

beforeEach(() => {
  stored.clear()
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  })
})

describe('the view after a refresh', () => {
  it('is what it was, once', () => {
    keepView('pets', view)
    expect(takeKeptView('pets')).toEqual(view)
    expect(takeKeptView('pets')).toBeNull()
  })
  it('is the one of its own collection', () => {
    keepView('pets', view)
    expect(takeKeptView('cars')).toBeNull()
  })
  it('is null where something else wrote there', () => {
    stored.set('handlens-view-pets', '{')
    expect(takeKeptView('pets')).toBeNull()
  })
  it('is null where the browser stores nothing', () => {
    vi.stubGlobal('sessionStorage', undefined)
    keepView('pets', view)
    expect(takeKeptView('pets')).toBeNull()
  })
})
