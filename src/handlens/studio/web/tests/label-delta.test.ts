import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { LabelsDelta } from '../src/server/types'
import { setApi } from '../src/state/collection'
import { changedBy, follows } from '../src/state/label-delta'
import { fetchLabels, labels, openLabels, takeLabels } from '../src/state/labels'
import { named } from './made'

const delta = (since: number, version: number, of: Partial<LabelsDelta> = {}): LabelsDelta => ({
  since,
  version,
  last_by_person: version,
  names: [],
  gone: [],
  ids: new Int32Array(0),
  keys: new Int32Array(0),
  undo: null,
  redo: null,
  ...of,
})
const row = (place: number, name: string, colour: number, count: number) => ({
  place,
  name,
  colour,
  count,
  gestures: 1,
})

describe('changedBy', () => {
  it('gives photos their labels, and leaves the others', () => {
    const now = named(1, [0, -1, 1, -1], 'front', 'rear')
    const next = changedBy(
      now,
      delta(1, 2, {
        names: [row(0, 'front', 0, 0), row(2, 'side', 2, 2)],
        ids: Int32Array.of(0, 3),
        keys: Int32Array.of(2, 2),
        undo: 'label',
      }),
    )
    expect(next.names.map((l) => [l.name, l.count])).toEqual([
      ['front', 0],
      ['rear', 1],
      ['side', 2],
    ])
    expect([...next.codes]).toEqual([2, -1, 1, 2])
    expect([next.version, next.last_by_person, next.undo, next.redo]).toEqual([2, 2, 'label', null])
    expect([...now.codes]).toEqual([0, -1, 1, -1])
  })

  it('moves the codes of the labels after one that is gone, and back when it returns', () => {
    const now = named(1, [0, 1, 2, -1], 'a', 'b', 'c')
    const without = changedBy(now, delta(1, 2, { gone: [1], ids: Int32Array.of(1), keys: Int32Array.of(-1) }))
    expect(without.names.map((l) => l.name)).toEqual(['a', 'c'])
    expect([...without.codes]).toEqual([0, -1, 1, -1])
    const back = changedBy(
      without,
      delta(2, 3, { names: [row(1, 'b', 1, 1)], ids: Int32Array.of(1), keys: Int32Array.of(1) }),
    )
    expect([...back.codes]).toEqual([...now.codes])
    expect(back.names.map((l) => l.name)).toEqual(['a', 'b', 'c'])
  })
})

it('leads on from its own version and from any until the next', () => {
  const now = named(4, [0], 'a')
  expect([2, 3, 4, 5].map((since) => follows(now, delta(since, 6)))).toEqual([true, true, true, false])
  expect(follows(now, delta(2, 4))).toBe(false)
})

describe('a page that takes what changed', () => {
  let api: CollectionApi
  beforeEach(() => {
    api = new CollectionApi('c')
    setApi(api)
    openLabels(named(1, [0, -1], 'a'))
  })

  it('asks for what is missing between, once', async () => {
    let answer: (labels: ReturnType<typeof named>) => void = () => undefined
    const asked = vi.fn(() => new Promise<ReturnType<typeof named>>((resolve) => (answer = resolve)))
    api.labels = asked
    takeLabels(delta(2, 3, { ids: Int32Array.of(1), keys: Int32Array.of(0) }))
    const fetched = fetchLabels(3)
    expect(labels.value.version).toBe(1)
    answer(named(3, [0, 0], 'a'))
    await fetched
    expect(asked).toHaveBeenCalledTimes(1)
    expect([...labels.value.codes]).toEqual([0, 0])
  })

  it('takes nothing twice', () => {
    const change = delta(1, 2, { names: [row(0, 'a', 0, 2)], ids: Int32Array.of(1), keys: Int32Array.of(0) })
    takeLabels(change)
    const after = labels.value
    takeLabels(change)
    expect(labels.value).toBe(after)
    expect([...after.codes]).toEqual([0, 0])
  })

  it('gives up quietly when the server does not answer', async () => {
    api.labels = () => Promise.reject(new Error('gone'))
    await fetchLabels(9)
    expect(labels.value.version).toBe(1)
  })
})
