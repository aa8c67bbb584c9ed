import { beforeEach, describe, expect, it } from 'vitest'
import { columnsOf } from '../src/components/light-table-columns'
import type { CollectionState, Layer } from '../src/server/types'
import { collection, layers, replaceCollection, titleOf } from '../src/state/collection'

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
