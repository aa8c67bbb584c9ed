import { describe, expect, it } from 'vitest'
import { aboutOf, accuracyText, between, meaning } from '../src/text/accuracy'
import { checkedReport, report } from './made'

describe('the accuracy in words', () => {
  it('names its range once per cent', () => expect(between(0.62, 0.79)).toBe('between 62 and 79 %'))
  it('says what it is about and where it comes from', () => {
    expect(aboutOf(checkedReport())).toBe('on the 834 photos that nobody has labelled, from 30 checked at random')
    expect(aboutOf(checkedReport({ unlabelled: 1 }))).toMatch(/^on the 1 photo that/)
  })
  it('is right only once it is checked', () => {
    expect(accuracyText(checkedReport())).toBe('71 % right, from 30 checked at random')
    for (const of of [null, report(), report({ guess: { low: 0.37, high: 0.89 } })]) {
      expect(accuracyText(of)).toBe('how often it is right is not checked yet')
      if (of) expect(meaning(of)).toBe('')
    }
  })
  it('says what the range means', () => {
    expect(meaning(checkedReport())).toBe(
      'Of 100 photos that nobody has labelled, it gets 62 to 79 right, most likely about 71. 95 of 100 such ranges hold the true number.',
    )
  })
})
