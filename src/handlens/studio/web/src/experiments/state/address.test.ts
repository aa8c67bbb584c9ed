import { describe, expect, it, test } from 'vitest'
import { type Address, AT_FIRST, isHere, readAddress, writeAddress } from './address'

const readAgain = (address: Address): Address => {
  const { pathname, search } = new URL(writeAddress(address), 'http://localhost')
  return readAddress(pathname, search)
}

test('the list of studies has the shortest address', () => {
  expect(writeAddress(AT_FIRST)).toBe('/experiments')
  expect(readAddress('/experiments', '')).toEqual(AT_FIRST)
  expect(readAddress('/experiments/', '')).toEqual(AT_FIRST)
})

test('a study alone is its table of runs', () => {
  expect(writeAddress({ ...AT_FIRST, study: 'rossmann' })).toBe('/experiments/rossmann/runs')
  expect(readAddress('/experiments/rossmann', '')).toEqual({ ...AT_FIRST, study: 'rossmann' })
})

test('what is written is read again', () => {
  const address: Address = {
    study: 'a/b 50% ?',
    view: 'pivot',
    run: 12,
    where: [
      { column: 'ps', is: 'least', value: 0.1 },
      { column: 'layers', is: 'in', values: [[1000, 500]] },
    ],
    hidden: true,
    sort: { column: 'value', descending: true },
    without: ['machine', 'commit'],
    selected: [3, 1],
    rows: ['layers', 'a=b'],
    columns: ['ps'],
    value: 'valid_loss',
    aggregate: 'median',
    baseline: { layers: [200, 100], 'a=b': null },
    graph: ['valid_loss', 'rate'],
    axes: ['ps', 'layers'],
    scales: ['ps'],
    by: 'runs',
    against: 12,
  }
  expect(readAgain(address)).toEqual(address)
})

test('a pivot can be read in its address', () => {
  expect(
    writeAddress({ ...AT_FIRST, study: 'made', view: 'pivot', rows: ['layers'], columns: ['ps'], selected: [1, 2] }),
  ).toBe('/experiments/made/pivot?row=layers&column=ps&selected=1,2')
})

describe('what makes no sense', () => {
  it.each([
    '?run=x',
    '?run=-1',
    '?where=ps',
    '?aggregate=mode',
    '?baseline=[1]',
    '?baseline={',
    '?selected=a,',
    '?by=x',
    '?against=x',
  ])('%s is as at first', (search) =>
    expect(readAddress('/experiments/made/runs', search)).toEqual({ ...AT_FIRST, study: 'made' }),
  )
  it('an address that cannot be decoded is kept as it is', () =>
    expect(readAddress('/experiments/50%/table', '')).toEqual({ ...AT_FIRST, study: '50%' }))
})

test('all columns can be shown, and many selected runs are not listed', () => {
  expect(writeAddress({ ...AT_FIRST, study: 'a', without: [] })).toBe('/experiments/a/runs?without=')
  expect(readAgain({ ...AT_FIRST, study: 'a', without: [] }).without).toEqual([])
  const many = Array.from({ length: 101 }, (_, i) => i)
  expect(writeAddress({ ...AT_FIRST, study: 'a', selected: many })).toBe('/experiments/a/runs')
})

test('other pages are not this one', () => {
  expect(isHere('/experiments')).toBe(true)
  expect(isHere('/experiments/made/runs')).toBe(true)
  expect(isHere('/experimentsx')).toBe(false)
  expect(isHere('/')).toBe(false)
})
