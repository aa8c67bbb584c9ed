import { describe, expect, it, test } from 'vitest'
import { type Address, kernelPage, readAddress, writeAddress } from './address'
import { PRESETS } from './presets'

const FIRST: Address = {
  collection: null,
  photo: 0,
  kernel: PRESETS[0]!.numbers,
  channels: 'all',
  stride: 1,
  padding: 'none',
  at: null,
}

test('at first the address says nothing', () => {
  expect(readAddress('')).toEqual(FIRST)
  expect(writeAddress(FIRST)).toBe('')
})

test('what is written is read again', () => {
  const address: Address = {
    collection: 'holiday-0123',
    photo: 7,
    kernel: ['0', '-1/2', '1', '0', '1', '0', '.5', '0', '0'],
    channels: 'green',
    stride: 2,
    padding: 'reflection',
    at: { x: 12, y: 0 },
  }
  expect(readAddress(writeAddress(address))).toEqual(address)
})

test('numbers may be written with spaces and plus signs', () => {
  const kernel = ['+1', '1 / 2', '0', '0', '0', '0', '0', '0', '0']
  expect(readAddress(writeAddress({ ...FIRST, kernel })).kernel).toEqual(['1', '1/2', ...kernel.slice(2)])
})

test('a photo has an address of its own', () => {
  expect(kernelPage('holiday 1', 3)).toBe('/kernel?collection=holiday%201&photo=3')
})

describe('what makes no sense', () => {
  it.each([
    '?photo=-1',
    '?photo=x',
    '?kernel=1,2,3',
    '?kernel=a,0,0,0,0,0,0,0,0',
    '?channels=violet',
    '?stride=3',
    '?padding=',
    '?at=1',
    '?at=1,x',
    '?at=1,2,3',
    '?at=,',
  ])('%s is as at first', (query) => expect(readAddress(query)).toEqual(FIRST))
})
