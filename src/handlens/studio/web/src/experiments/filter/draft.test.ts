import { expect, test } from 'vitest'
import type { Condition } from '../state/filter'
import { conditionsFrom, rangeFrom } from './draft'

const EMPTY = { least: '', most: '', text: '', values: [] }

test('conditions fill the fields, and the fields make them again', () => {
  const conditions: Condition[] = [
    { column: 'ps', is: 'least', value: 0.1 },
    { column: 'ps', is: 'most', value: 1e-7 },
    { column: 'ps', is: 'like', text: 'x' },
    { column: 'ps', is: 'in', values: [0.1, null] },
  ]
  expect(rangeFrom(conditions)).toEqual({ least: '0.1', most: '1e-7', text: 'x', values: [0.1, null] })
  expect(conditionsFrom('ps', rangeFrom(conditions))).toEqual(conditions)
})

test('empty fields make no condition', () => {
  expect(rangeFrom([])).toEqual(EMPTY)
  expect(conditionsFrom('ps', { ...EMPTY, least: ' ', text: ' ' })).toEqual([])
})

test('numbers are read as people write them, and else it is said', () => {
  expect(conditionsFrom('ps', { ...EMPTY, least: '−0,5' })).toEqual([{ column: 'ps', is: 'least', value: -0.5 }])
  expect(conditionsFrom('ps', { ...EMPTY, most: 'ten' })).toBe('“ten” is not a number.')
})
