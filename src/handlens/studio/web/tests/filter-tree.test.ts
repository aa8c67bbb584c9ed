import { describe, expect, it } from 'vitest'
import type { Filter } from '../src/server/types'
import {
  type Bar,
  barOf,
  FIELDS,
  type Field,
  fresh,
  isComplete,
  textOf,
  treeOf,
  withLabels,
  wordsOf,
} from '../src/state/filter-tree'

const car: Filter = { field: 'label', names: ['car'] }
const unsure: Filter = { field: 'sureness', below: 0.8 }
const lasso: Filter = { field: 'origin', names: ['lasso'] }

const both = (match: Bar['match'], ...items: Bar['items']): Bar => ({ match, items })

describe('treeOf and barOf', () => {
  it.each<[string, Bar, Filter]>([
    ['one condition', both('all', { not: false, of: car }), car],
    ['one, turned round', both('all', { not: true, of: car }), { not: car }],
    ['all of two', both('all', { not: false, of: car }, { not: true, of: unsure }), { all: [car, { not: unsure }] }],
    ['any of two', both('any', { not: false, of: car }, { not: false, of: lasso }), { any: [car, lasso] }],
    [
      'a group, which the bar keeps as it is',
      both('all', { not: false, of: car }, { not: true, of: { any: [unsure, lasso] } }),
      { all: [car, { not: { any: [unsure, lasso] } }] },
    ],
  ])('%s', (_, bar, tree) => {
    expect(treeOf(bar)).toEqual(tree)
    expect(barOf(tree)).toEqual(bar)
  })
  it('leaves out what is not complete', () => {
    const empty: Filter = { field: 'label', names: [] }
    expect(treeOf(both('all', { not: false, of: empty }, { not: false, of: unsure }))).toEqual(unsure)
    expect(treeOf(both('any', { not: true, of: empty }))).toBeNull()
    expect(treeOf(both('all'))).toBeNull()
  })
})

describe('isComplete', () => {
  it('knows which fresh conditions ask for something already', () => {
    const complete = (Object.keys(FIELDS) as Field[]).filter((field) => isComplete(fresh(field, 'camera')))
    expect(complete).toEqual(['sureness', 'disagreement', 'duplicate', 'left_out'])
  })
  it.each<[boolean, Filter]>([
    [true, { field: 'sureness', at_least: 0 }],
    [false, { field: 'sureness', at_least: 0.8, below: 0.8 }],
    [false, { field: 'sureness', at_least: null, below: null }],
    [true, { field: 'labelled', since: '2026-11-26T05:00:00Z' }],
    [true, { field: 'labelled', since: '2026-11-26T05:00:00Z', before: '2026-11-26T06:00:00Z' }],
    [false, { field: 'labelled', since: '2026-11-26T05:00:00Z', before: '2026-11-26T06:00:00+01:00' }],
    [true, { field: 'column', column: 'a', values: [null] }],
    [false, { field: 'column', column: 'a', values: [] }],
    [true, { field: 'column', column: 'a', at_least: -1, below: 0 }],
    [false, { field: 'column', column: 'a' }],
    [false, { field: 'duplicate', kinds: [] }],
    [true, { not: { field: 'left_out' } }],
  ])('%s: %j', (complete, of) => {
    expect(isComplete(of)).toBe(complete)
  })
})

describe('in words', () => {
  it.each<[Filter, [string, string]]>([
    [car, ['Label', 'car']],
    [{ field: 'label', names: ['car', null] }, ['Label', 'car or none']],
    [{ field: 'predicted', names: ['a', 'b', 'c', 'd'] }, ['Predicted label', 'a, b or 2 more']],
    [unsure, ['Sureness', 'below 80 %']],
    [{ field: 'sureness', at_least: 0.5, below: 0.8 }, ['Sureness', 'from 50 %, below 80 %']],
    [{ field: 'column', column: 'year', at_least: 2010 }, ['year', 'from 2010']],
    [{ field: 'column', column: 'camera', values: ['old', null] }, ['camera', 'old or no value']],
    [{ field: 'duplicate', kinds: ['first', 'exact', 'near'] }, ['Duplicates', 'any']],
    [{ field: 'duplicate', kinds: ['near'] }, ['Duplicates', 'near']],
    [{ field: 'label', names: [] }, ['Label', 'choose…']],
    [{ any: [car, unsure] }, ['Group', 'Label: car or Sureness: below 80 %']],
  ])('%j', (of, words) => {
    expect(wordsOf(of)).toEqual(words)
  })
  it('puts joins within joins in brackets', () => {
    expect(textOf({ not: { all: [car, { any: [unsure, { not: lasso }] }] } })).toBe(
      'not (Label: car and (Sureness: below 80 % or not Origin: lasso))',
    )
  })
})

it('follows labels that are renamed, in groups too, and names none twice', () => {
  const bar = both(
    'all',
    { not: true, of: { field: 'label', names: ['car', 'van', null] } },
    { not: false, of: { any: [{ not: car }, lasso] } },
  )
  expect(withLabels(bar, (name) => (name === 'car' ? 'van' : name))).toEqual(
    both(
      'all',
      { not: true, of: { field: 'label', names: ['van', null] } },
      { not: false, of: { any: [{ not: { field: 'label', names: ['van'] } }, lasso] } },
    ),
  )
})
