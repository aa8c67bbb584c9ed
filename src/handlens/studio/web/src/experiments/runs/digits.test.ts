import { describe, expect, it, test } from 'vitest'
import { columnOf } from '../state/table'
import { writerFor, writerOf } from './digits'

const all = (values: number[]): string[] => values.map(writerOf(values))

describe('numbers of a column', () => {
  it('have the decimals that the largest wants', () => {
    expect(all([0.12345, 0.5, 1.25])).toEqual(['0.123', '0.500', '1.250'])
    expect(all([0, 0.25, 0.5])).toEqual(['0.00', '0.25', '0.50'])
    expect(all([0.01234567, 0.09])).toEqual(['0.01235', '0.09000'])
    expect(all([123.456, -7])).toEqual(['123.5', '−7.0'])
  })
  it('are whole if they all are', () => expect(all([1, 0, 12000])).toEqual(['1', '0', '12000']))
  it('have digits of their own if some are far larger than others', () =>
    expect(all([0.000005, 0.01, 0.0025])).toEqual(['5e−6', '0.01', '0.0025']))
  it('may be missing, or not finite', () => {
    expect(writerOf([])(3)).toBe('3')
    expect(writerOf([0.5])(Number.NaN)).toBe('not a number')
  })
})

test('a missing value is left empty, and of text there is the first line', () => {
  expect(writerFor(columnOf('error', 'fact', ['a\nb', null]))('a\nb')).toBe('a …')
  expect(writerFor(columnOf('error', 'fact', ['a\nb', null]))(null)).toBe('')
  expect(writerFor(columnOf('layers', 'choice', [[200, 100]]))([200, 100])).toBe('[200, 100]')
  expect(writerFor(columnOf('ps', 'choice', [0.25, null]))(null)).toBe('')
})
