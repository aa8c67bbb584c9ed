import { expect, test } from 'vitest'
import { nextCurrent } from './current'

test.each([
  ['ArrowDown', 3, 4],
  ['ArrowDown', 9, 9],
  ['ArrowDown', -1, 0],
  ['ArrowUp', 3, 2],
  ['ArrowUp', 0, 0],
  ['PageDown', 3, 7],
  ['PageUp', 3, 0],
  ['Home', 5, 0],
  ['End', 5, 9],
  ['x', 5, null],
] as const)('%s from %i leads to %s', (key, at, to) => expect(nextCurrent(key, at, 10, 4)).toBe(to))

test('where there are no rows no key leads anywhere', () => expect(nextCurrent('End', -1, 0, 4)).toBeNull())
