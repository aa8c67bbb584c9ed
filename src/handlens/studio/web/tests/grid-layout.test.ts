import { describe, expect, it } from 'vitest'
import { type GridLayout, layOut, placeAfter, rowsBetween } from '../src/components/grid-layout'

const PLAIN = { captionHeight: 0, headings: new Map<number, string>() }

/** Three columns of 112 pixels, 106 of them the photo: 7 photos in rows of 3, 3 and 1. */
const seven = (): GridLayout => layOut({ count: 7, width: 342, size: 100, ...PLAIN })

describe('the layout of a grid', () => {
  it('lets photos grow to fill the row', () => {
    const { columns, step, side, rows, height } = seven()
    expect({ columns, step, side, height }).toEqual({ columns: 3, step: 112, side: 106, height: 342 })
    expect(rows).toEqual([
      { top: 6, height: 106, first: 0, end: 3 },
      { top: 118, height: 106, first: 3, end: 6 },
      { top: 230, height: 106, first: 6, end: 7 },
    ])
  })

  it('begins a row at each heading, and leaves room for captions', () => {
    const { rows, height } = layOut({
      count: 5,
      width: 342,
      size: 100,
      captionHeight: 20,
      headings: new Map([
        [0, 'two'],
        [2, 'three'],
      ]),
    })
    expect(rows).toEqual([
      { top: 6, height: 30, headings: [{ text: 'two', column: 0, columns: 2 }], first: 0 },
      { top: 36, height: 126, first: 0, end: 2 },
      { top: 168, height: 30, headings: [{ text: 'three', column: 0, columns: 3 }], first: 2 },
      { top: 198, height: 126, first: 2, end: 5 },
    ])
    expect(height).toBe(330)
  })

  it('puts groups side by side where they fit whole', () => {
    const headings = new Map([
      [0, 'one'],
      [1, 'two'],
      [3, 'five'],
    ])
    const { rows } = layOut({ count: 8, width: 342, size: 100, captionHeight: 0, headings })
    expect(rows).toEqual([
      {
        top: 6,
        height: 30,
        headings: [
          { text: 'one', column: 0, columns: 1 },
          { text: 'two', column: 1, columns: 2 },
        ],
        first: 0,
      },
      { top: 36, height: 106, first: 0, end: 3 },
      { top: 148, height: 30, headings: [{ text: 'five', column: 0, columns: 3 }], first: 3 },
      { top: 178, height: 106, first: 3, end: 6 },
      { top: 290, height: 106, first: 6, end: 8 },
    ])
  })

  it('has no rows without photos, and one column where the room is narrower than a photo', () => {
    expect(layOut({ count: 0, width: 342, size: 100, ...PLAIN }).rows).toEqual([])
    expect(layOut({ count: 2, width: 50, size: 100, ...PLAIN })).toMatchObject({ columns: 1, side: 38 })
    expect(layOut({ count: 2, width: 0, size: 100, ...PLAIN })).toMatchObject({ columns: 1, side: 1 })
  })
})

it('renders the rows in view and one more on each side', () => {
  const layout = layOut({ count: 30, width: 342, size: 100, ...PLAIN })
  expect(rowsBetween(layout, 0, 100).map((row) => row.first)).toEqual([0, 3])
  expect(rowsBetween(layout, 330, 500).map((row) => row.first)).toEqual([3, 6, 9, 12, 15])
  expect(rowsBetween(layout, 1020, 1120).map((row) => row.first)).toEqual([24, 27])
})

describe('keys', () => {
  const after = (key: string, at: number): number | undefined => placeAfter(key, at, seven(), 7, 230)

  it('move by one photo, one row, and as many rows as fit', () => {
    expect(after('ArrowRight', 2)).toBe(3)
    expect(after('ArrowLeft', 3)).toBe(2)
    expect(after('ArrowDown', 1)).toBe(4)
    expect(after('ArrowUp', 4)).toBe(1)
    expect(after('PageDown', 0)).toBe(6)
    expect(after('PageUp', 6)).toBe(0)
    expect(after('Home', 5)).toBe(0)
    expect(after('End', 0)).toBe(6)
  })

  it('stay in the grid, and take the last photo of a shorter row', () => {
    expect(after('ArrowLeft', 0)).toBe(0)
    expect(after('ArrowRight', 6)).toBe(6)
    expect(after('ArrowUp', 1)).toBe(1)
    expect(after('ArrowDown', 5)).toBe(6)
    expect(after('ArrowDown', 6)).toBe(6)
  })

  it('that do not move are left to others', () => {
    expect(after('x', 0)).toBeUndefined()
  })
})
