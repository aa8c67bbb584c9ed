import { beforeEach, describe, expect, it } from 'vitest'
import { columnsOf, stepIn } from '../src/components/light-table-columns'
import type { CollectionState, Layer } from '../src/server/types'
import { collection, layers, replaceCollection, titleOf } from '../src/state/collection'
import { firstLayer } from '../src/state/view'

const layer = (source: string, stage: string, pooling: Layer['pooling']): Layer => ({
  id: `${source}/${stage}/${pooling}`,
  source,
  stage,
  pooling,
  title: '',
})

const NET = [layer('net', '0', 'what'), layer('net', '0', 'where'), layer('net', '1', 'what')]
const OWN = [layer('patches', 'fine', 'what'), layer('patches', 'fine', 'where')]

beforeEach(() => {
  replaceCollection({
    layers: [...NET, ...OWN],
    sources: [
      { name: 'net', title: 'Net', state: 'ready', message: null, reason: null },
      { name: 'patches', title: 'learned on these photos', state: 'ready', message: null, reason: null },
    ],
  } as unknown as CollectionState)
})

describe('the light table', () => {
  it('has a column for each stage, with its layers one below the other', () => {
    expect(columnsOf(NET).map(({ stage, at }) => [stage, at.what?.id, at.where?.id])).toEqual([
      ['1', 'net/0/what', 'net/0/where'],
      ['2', 'net/1/what', undefined],
    ])
  })
  it('keeps stages of the same name apart by their source', () => {
    expect(columnsOf([layer('a', 'fine', 'what'), layer('b', 'fine', 'what')])).toHaveLength(2)
  })
  it('is stepped through as it is read', () => {
    expect(layers.value.map((l) => l.id)).toEqual([
      'net/0/what',
      'net/1/what',
      'patches/fine/what',
      'net/0/where',
      'patches/fine/where',
    ])
  })
})

describe('the title of a layer', () => {
  it('counts stages from one and names the source where there are several', () => {
    expect(titleOf(NET[1]!)).toBe('Net · stage 1 · where')
    expect(titleOf(OWN[0]!)).toBe('learned on these photos · fine · what')
  })
  it('leaves out the source where there is but one', () => {
    replaceCollection({ ...collection.value!, layers: OWN })
    expect(titleOf(OWN[0]!)).toBe('fine · what')
  })
})

describe('the arrow keys in the light table', () => {
  const filled = [
    [true, true, false],
    [true, false, true],
  ]
  it('lead to the next map in that direction, over places without one', () => {
    expect(stepIn(filled, [1, 0], 'ArrowRight')).toEqual([1, 2])
    expect(stepIn(filled, [1, 2], 'ArrowLeft')).toEqual([1, 0])
    expect(stepIn(filled, [1, 0], 'ArrowUp')).toEqual([0, 0])
    expect(stepIn(filled, [0, 0], 'ArrowDown')).toEqual([1, 0])
    expect(stepIn(filled, [1, 0], 'End')).toEqual([1, 2])
    expect(stepIn(filled, [0, 1], 'Home')).toEqual([0, 0])
  })
  it('lead nowhere from the edge, and other keys lead nowhere', () => {
    expect(stepIn(filled, [0, 1], 'ArrowRight')).toBe(null)
    expect(stepIn(filled, [0, 1], 'ArrowDown')).toBe(null)
    expect(stepIn(filled, [0, 0], 'ArrowUp')).toBe(null)
    expect(stepIn(filled, [0, 0], 'Enter')).toBe(null)
  })
})

describe('the layer to look at first', () => {
  const net = { name: 'net', reason: null }
  const own = { name: 'patches', reason: null }
  it('is a middle one of the source that was chosen by the photos', () => {
    const all = [...NET, ...OWN]
    expect(firstLayer(all, [net, { ...own, reason: 'These do not look like photographs.' }])?.id).toBe(
      'patches/fine/where',
    )
    expect(firstLayer(all, [{ ...net, reason: 'These look like photographs.' }, own])?.id).toBe('net/0/where')
  })
  it('is one of a network rather than of learned features, whatever their order', () => {
    expect(firstLayer([...OWN, ...NET], [own, net])?.source).toBe('net')
  })
  it('is one of a source that has layers, and none without any', () => {
    expect(firstLayer(OWN, [net, own])?.source).toBe('patches')
    expect(firstLayer([], [net])).toBe(undefined)
  })
})
