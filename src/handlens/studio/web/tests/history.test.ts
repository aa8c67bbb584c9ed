import { describe, expect, it } from 'vitest'
import { AXIS, endsOf, lineOf, marksOf, yOf } from '../src/components/history-chart'
import { point } from './made'

const guess = point({ n_labelled: 20, guess_low: 0.25, guess_high: 0.75 })
const checked = point({ n_labelled: 60, accuracy: 0.5, low: 0.4, high: 0.6 })

describe('the chart of the history', () => {
  it('draws 0 to 100 % from the bottom to the top', () => {
    expect([yOf(0), yOf(1)]).toEqual([AXIS.bottom, AXIS.top])
  })
  it('marks a checked model with a point, and a guess without one', () => {
    const [first, second] = marksOf([guess, checked])
    expect(first).toMatchObject({ y: null, low: yOf(0.25), high: yOf(0.75) })
    expect(second).toMatchObject({ y: yOf(0.5), low: yOf(0.4), high: yOf(0.6) })
    expect(first!.x).toBeLessThan(second!.x)
    expect(second!.x).toBeLessThan(AXIS.right)
  })
  it('leaves out a model of which nothing is known', () => expect(marksOf([point(), checked])).toHaveLength(1))
  it('puts models of as many labels side by side', () => {
    const xs = marksOf([checked, { ...checked, kind: 'fine-tuned' }]).map((m) => m.x)
    expect(xs[1]! - xs[0]!).toBe(8)
    expect((xs[0]! + xs[1]!) / 2).toBe((AXIS.left + AXIS.right) / 2)
  })
  it('joins the checked quick models', () => {
    const more = { ...checked, n_labelled: 100 }
    const [first, , last] = marksOf([checked, { ...checked, kind: 'fine-tuned', n_labelled: 80 }, more])
    const [there] = marksOf([guess, checked, more])
    expect(lineOf([there!, first!, last!])).toBe(`${first!.x},${yOf(0.5)} ${last!.x},${yOf(0.5)}`)
    expect(lineOf(marksOf([checked, { ...more, kind: 'both' }]))).toBe(`${first!.x},${yOf(0.5)}`)
  })
  it('names the fewest and the most labels', () => {
    expect(endsOf([checked, guess]).map((e) => e.n)).toEqual([20, 60])
    expect(endsOf([checked, checked]).map((e) => e.n)).toEqual([60])
  })
})
