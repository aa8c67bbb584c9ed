import { describe, expect, it } from 'vitest'
import { axisOf, inOrder, isLog, moved } from '../src/experiments/parallel/axes'
import { brushBetween, brushOf, isAt, toggled, withBrush } from '../src/experiments/parallel/brushes'
import { addLine, emptyField, type Field, opacityOf, paint } from '../src/experiments/parallel/density'
import type { Condition } from '../src/experiments/state/filter'
import { columnOf } from '../src/experiments/state/table'

const seven = [1, 2, 3, 4, 5, 6, 7]
const depth = axisOf(columnOf('depth', 'choice', [...seven, null]))
const rate = axisOf(columnOf('rate', 'number', [0.001, 0.01, 0.1, null]))
const layers = axisOf(columnOf('layers', 'choice', [[200, 100], [1000, 500], null, [200, 100]]))

describe('an axis', () => {
  it('of many numbers has a scale', () => {
    expect([...depth.places]).toEqual([0, 1 / 6, 2 / 6, 0.5, 4 / 6, 5 / 6, 1, Number.NaN])
    expect(depth.scale).toEqual({ low: 1, high: 7, log: false })
    expect(depth.anyMissing).toBe(true)
  })
  it('has equal ratios where numbers are spread so, unless the other scale is asked for', () => {
    expect([...rate.places].map((place) => Math.round(place * 1e9) / 1e9)).toEqual([0, 0.5, 1, Number.NaN])
    const even = axisOf(columnOf('rate', 'number', [0.001, 0.01, 0.1]), true)
    expect(even.scale!.log).toBe(false)
    expect(isLog([0.001, 0.2, 0.3, 0.5])).toBe(false)
    expect(isLog([0, 0.001, 1])).toBe(false)
    expect(isLog([1, 2, 19])).toBe(false)
    expect(isLog([])).toBe(false)
  })
  it('leaves out what has no logarithm', () => {
    const axis = axisOf(columnOf('loss', 'number', [0, 1, 10]), true)
    expect([...axis.places]).toEqual([Number.NaN, 0, 1])
  })
  it('of options gives each its own place', () => {
    expect(layers.options).toEqual([
      [200, 100],
      [1000, 500],
    ])
    expect([...layers.places]).toEqual([0, 1, Number.NaN, 0])
    expect([...axisOf(columnOf('n', 'choice', [10, 2, 10])).places]).toEqual([1, 0, 1])
    expect([...axisOf(columnOf('on', 'choice', [true, false])).places]).toEqual([1, 0])
    expect([...axisOf(columnOf('way', 'choice', ['a'])).places]).toEqual([0.5])
  })
  it('has a scale for a number that is measured, however few there are', () => {
    expect(axisOf(columnOf('value', 'number', [1, 2])).scale).toEqual({ low: 1, high: 2, log: false })
    const none = axisOf(columnOf('value', 'fact', [null, null]))
    expect(none.scale).toEqual({ low: 0, high: 1, log: false })
    expect([...none.places]).toEqual([Number.NaN, Number.NaN])
  })
  it('stands where it was put', () => {
    expect(inOrder(['a', 'b', 'c'], ['c', 'gone', 'a'])).toEqual(['c', 'a', 'b'])
    expect(moved(['a', 'b', 'c'], 'a', 1)).toEqual(['b', 'a', 'c'])
    expect(moved(['a', 'b', 'c'], 'a', 9)).toEqual(['b', 'c', 'a'])
    expect(moved(['a', 'b', 'c'], 'a', -1)).toEqual(['a', 'b', 'c'])
  })
})

describe('a brush', () => {
  const other: Condition = { column: 'status', is: 'in', values: ['finished'] }
  it('is the conditions on its column', () => {
    expect(brushOf(depth, [other])).toBeNull()
    expect(brushOf(depth, [other, { column: 'depth', is: 'least', value: 4 }])).toEqual({ low: 0.5, high: 1 })
    expect(brushOf(layers, [{ column: 'layers', is: 'in', values: [[200, 100]] }])).toEqual({ options: [[200, 100]] })
    expect(brushOf(layers, [{ column: 'layers', is: 'out', values: [[200, 100]] }])).toBeNull()
  })
  it('lies at the edge where its conditions are beyond it', () => {
    expect(brushOf(depth, [{ column: 'depth', is: 'least', value: 100 }])).toEqual({ low: 1, high: 1 })
    expect(brushOf(depth, [{ column: 'depth', is: 'most', value: 0 }])).toEqual({ low: 0, high: 0 })
  })
  it('takes the place of the one before', () => {
    const before: Condition[] = [other, { column: 'depth', is: 'least', value: 2 }]
    expect(withBrush(before, depth, { low: 0, high: 0.5 })).toEqual([other, { column: 'depth', is: 'most', value: 4 }])
    expect(withBrush(before, depth, { low: 1 / 9, high: 1 })).toEqual([
      other,
      { column: 'depth', is: 'least', value: 1.667 },
    ])
    expect(withBrush(before, depth, null)).toEqual([other])
    expect(withBrush([other], layers, { options: [] })).toEqual([other])
    expect(withBrush([other], layers, { options: [[1]] })).toEqual([
      other,
      { column: 'layers', is: 'in', values: [[1]] },
    ])
  })
  it('of options takes one more, or one fewer', () => {
    expect(toggled(null, [1])).toEqual({ options: [[1]] })
    expect(toggled({ options: [[1], 'a'] }, [1])).toEqual({ options: ['a'] })
    expect(isAt({ options: [[1], 'a'] }, [1])).toBe(true)
    expect(isAt(null, [1])).toBe(false)
  })
  it('is drawn from any end, inside the axis', () => {
    expect(brushBetween(depth, 2, 0.25)).toEqual({ low: 0.25, high: 1 })
    expect(brushBetween(layers, 0.1, -1)).toEqual({ options: [[200, 100]] })
    expect(brushBetween(layers, 0.4, 0.6)).toEqual({ options: layers.options })
    expect(brushBetween(axisOf(columnOf('way', 'choice', ['a'])), 0.2, 0.3)).toEqual({ options: ['a'] })
  })
})

describe('lines', () => {
  /** The cover of each pixel, row by row. */
  const rows = ({ width, height, sums }: Field): number[][] =>
    Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => sums[2 * (y * width + x)]!))

  it('cover the pixels that they pass, with their tone', () => {
    const field = emptyField(3, 3)
    addLine(field, 0, 1, 2, 1, 100, 1)
    expect(rows(field)).toEqual([
      [0, 0, 0],
      [16, 16, 16],
      [0, 0, 0],
    ])
    expect([...field.sums.slice(6, 12)]).toEqual([16, 1600, 16, 1600, 16, 1600])
  })
  it('share what lies between two pixels, when flat and when steep', () => {
    const flat = emptyField(3, 2)
    addLine(flat, 0, 0, 2, 1, 0, 1)
    expect(rows(flat)).toEqual([
      [16, 8, 0],
      [0, 8, 16],
    ])
    const steep = emptyField(2, 3)
    addLine(steep, 1, 2, 0, 0, 0, 1)
    expect(rows(steep)).toEqual([
      [16, 0],
      [8, 8],
      [0, 16],
    ])
  })
  it('are gone without a trace when they are taken out', () => {
    const field = emptyField(7, 5)
    addLine(field, 0.4, 0.3, 6, 3.7, 9, 1)
    expect(field.sums.some((sum) => sum > 0)).toBe(true)
    addLine(field, 0.4, 0.3, 6, 3.7, 9, -1)
    expect(field.sums.every((sum) => sum === 0)).toBe(true)
  })
  it('that are brushed lie over the others, in the mean of their colours', () => {
    const [all, chosen] = [emptyField(3, 1), emptyField(3, 1)]
    // All three pixels by a line that is not brushed; the first two by one of tone 0; the second by one of tone 2.
    for (const field of [all, chosen]) {
      addLine(field, 0, 0, 1, 0, 0, 1)
      addLine(field, 1, 0, 1, 0, 2, 1)
    }
    addLine(all, 0, 0, 2, 0, 1, 1)
    const tones = Uint8Array.from([200, 0, 0, 0, 200, 0, 0, 0, 200])
    const rgba = new Uint8ClampedArray(12)
    paint(all, chosen, { tones, plain: [10, 20, 30], opacity: 0.999, dimmed: 0.5 }, rgba)
    expect([...rgba.slice(0, 3)]).toEqual([200, 0, 0])
    expect([...rgba.slice(4, 7)]).toEqual([0, 200, 0])
    expect([...rgba.slice(8)]).toEqual([10, 20, 30, 64])
    expect([rgba[3], rgba[7]]).toEqual([255, 255])
  })
  it('are fainter the more there are', () => expect([1, 400, 10_000].map(opacityOf)).toEqual([0.9, 0.5, 0.1]))
})
