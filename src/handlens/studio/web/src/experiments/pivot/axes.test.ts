import { describe, expect, it, test } from 'vitest'
import { columnOf, runsOf } from '../state/table'
import { axesOf, moved } from './axes'

const many = Array.from({ length: 13 }, (_, i) => i / 100)
const RUNS = runsOf(
  many.map((_, i) => i),
  [
    columnOf(
      'seed',
      'fact',
      many.map(() => 0),
    ),
    columnOf('rate', 'choice', many),
    columnOf(
      'same',
      'choice',
      many.map(() => 1),
    ),
    columnOf(
      'ps',
      'choice',
      many.map((_, i) => i % 2),
    ),
    columnOf(
      'layers',
      'choice',
      many.map((_, i) => [i % 3]),
    ),
  ],
)
const NONE = { rows: [], columns: [] }

test('the choices with few values are proposed', () => {
  expect(axesOf(NONE, RUNS)).toEqual({ rows: ['ps'], columns: ['layers'] })
})

test('what is asked for is taken, as far as it is there and once', () => {
  expect(axesOf({ rows: ['rate', 'gone'], columns: ['seed', 'rate'] }, RUNS)).toEqual({
    rows: ['rate'],
    columns: ['seed'],
  })
  expect(axesOf({ rows: [], columns: ['gone'] }, RUNS)).toEqual({ rows: ['ps'], columns: ['layers'] })
})

test('without choices of few values there is one axis', () => {
  const rates = runsOf(RUNS.ids, RUNS.columns.slice(0, 2))
  expect(axesOf(NONE, rates)).toEqual({ rows: ['rate'], columns: [] })
  expect(axesOf(NONE, runsOf([1], []))).toEqual({ rows: ['combination'], columns: [] })
})

describe('a name', () => {
  const axes = { rows: ['a', 'b', 'c'], columns: ['d'] }
  it('goes to the other side', () =>
    expect(moved(axes, 'b', 'columns')).toEqual({ rows: ['a', 'c'], columns: ['d', 'b'] }))
  it('goes before others', () =>
    expect(moved(axes, 'd', 'rows', 1)).toEqual({ rows: ['a', 'd', 'b', 'c'], columns: [] }))
  it('moves along its side', () => {
    expect(moved(axes, 'a', 'rows', 2).rows).toEqual(['b', 'a', 'c'])
    expect(moved(axes, 'c', 'rows', 1).rows).toEqual(['a', 'c', 'b'])
    expect(moved(axes, 'b', 'rows', 1).rows).toEqual(['a', 'b', 'c'])
  })
  it('is taken out', () => expect(moved(axes, 'a', null)).toEqual({ rows: ['b', 'c'], columns: ['d'] }))
  it('comes in', () => expect(moved(axes, 'e', 'columns', 0)).toEqual({ rows: ['a', 'b', 'c'], columns: ['e', 'd'] }))
})
