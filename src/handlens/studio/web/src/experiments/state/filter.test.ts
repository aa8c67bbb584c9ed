import { describe, expect, it, test } from 'vitest'
import { allOf, type Condition, meeting, read, wordsOf, written } from './filter'
import { columnOf, runsOf } from './table'

const RUNS = runsOf(
  [1, 2, 3, 4],
  [
    columnOf('status', 'fact', ['finished', 'failed', 'finished', 'running']),
    columnOf('hidden', 'fact', [false, false, true, false]),
    columnOf('error', 'fact', [null, 'Loss is NaN', null, null]),
    columnOf('layers', 'choice', [[1000, 500], [200], [1000, 500], null]),
    columnOf('ps', 'choice', [0.1, 0.2, 0.3, null]),
  ],
)

test('all runs are counted', () => {
  expect([0, 1, 12_000].map(allOf)).toEqual(['All 0 runs', '1 run', 'All 12,000 runs'])
})

describe('a condition', () => {
  it.each<[Condition, number[]]>([
    [{ column: 'status', is: 'in', values: ['finished', 'running'] }, [0, 2, 3]],
    [{ column: 'status', is: 'out', values: ['finished'] }, [1, 3]],
    [{ column: 'layers', is: 'in', values: [[1000, 500]] }, [0, 2]],
    [{ column: 'layers', is: 'in', values: [null] }, [3]],
    [{ column: 'ps', is: 'least', value: 0.2 }, [1, 2]],
    [{ column: 'ps', is: 'most', value: 0.2 }, [0, 1]],
    [{ column: 'error', is: 'like', text: 'nan' }, [1]],
    [{ column: 'layers', is: 'like', text: '1000, 5' }, [0, 2]],
    [{ column: 'none', is: 'most', value: 1 }, []],
  ])('%j', (condition, places) => expect(meeting(RUNS, [condition])).toEqual(places))

  it('holds beside the others', () => {
    expect(
      meeting(RUNS, [
        { column: 'ps', is: 'least', value: 0.2 },
        { column: 'ps', is: 'most', value: 0.2 },
      ]),
    ).toEqual([1])
  })
})

test('all runs are counted', () => {
  expect([0, 1, 12_000].map(allOf)).toEqual(['All 0 runs', '1 run', 'All 12,000 runs'])
})

test('hidden runs are left out if asked', () => {
  expect(meeting(RUNS, [], false)).toEqual([0, 1, 3])
  expect(meeting(runsOf([1], []), [], false)).toEqual([0])
})

describe('the address', () => {
  it.each<Condition>([
    { column: 'status', is: 'in', values: ['finished', 'a=b&c'] },
    { column: 'layers', is: 'out', values: [[1000, 500], null, true] },
    { column: 'ps', is: 'least', value: 1e-5 },
    { column: 'ps', is: 'most', value: -2 },
    { column: 'a ~b=c<d>!50%', is: 'like', text: '≥ "x"\ny' },
  ])('keeps %j', (condition) => expect(read(written(condition))).toEqual(condition))

  it.each(['', 'ps', '=1', 'ps=', 'ps=1', 'ps={"a":1}', 'ps>=x', 'ps>=[1]', 'ps<1'])('refuses %s', (text) =>
    expect(read(text)).toBeNull(),
  )
})

test('conditions are said in words', () => {
  expect(wordsOf({ column: 'layers', is: 'in', values: [[1000, 500], null] })).toBe('layers is [1000, 500] or –')
  expect(wordsOf({ column: 'star', is: 'out', values: [true] })).toBe('star is not yes')
  expect(wordsOf({ column: 'ps', is: 'most', value: 0.1 })).toBe('ps ≤ 0.1')
})
