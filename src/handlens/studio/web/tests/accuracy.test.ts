import { describe, expect, it } from 'vitest'
import { aboutOf, accuracyText, between, meaning, rightOf, unsureText, waitingText } from '../src/text/accuracy'
import { checkedReport, report } from './made'

describe('the accuracy in words', () => {
  it('names its range once per cent', () => expect(between(0.62, 0.79)).toBe('between 62 and 79 %'))
  it('says what it is about and where it comes from', () => {
    expect(aboutOf(checkedReport())).toBe(
      'on the 834 photos that no person has labelled or checked, from 30 checked at random',
    )
    expect(aboutOf(checkedReport({ unlabelled: 1 }))).toMatch(/^on the 1 photo that/)
  })
  it('is right only once it is checked', () => {
    expect(accuracyText(checkedReport())).toBe('71 % right, from 30 checked at random')
    for (const of of [null, report(), report({ guess: { low: 0.37, high: 0.89 } })]) {
      expect(accuracyText(of)).toBe('how often it is right is not checked yet')
      if (of) expect(meaning(of)).toBe('')
    }
  })
  it('is about the photos that the person could tell', () => {
    const of = checkedReport({ checked: 20, unsure: 10, low_of_all: 0.47, high_of_all: 0.8 })
    expect(rightOf(of)).toBe('right of those that you could tell')
    expect(rightOf(checkedReport())).toBe('right')
    expect(unsureText(of)).toBe(
      'You were unsure of 10 more: counted as wrong the number would be 47 %, counted as right 80 %.',
    )
    expect(unsureText(checkedReport({ low_of_all: 0.71, high_of_all: 0.71 }))).toBe('')
    expect(accuracyText(of)).toBe('71 % right of those that you could tell, from 20 checked at random, 10 more unsure')
    expect(meaning(of)).toMatch(/^Of 100 photos that nobody has labelled and that you can tell, it gets 62 to 79 right/)
  })
  it('says that the check goes on', () => {
    expect(waitingText(0)).toBe('')
    expect(waitingText(1)).toMatch(/^The check is not finished: 1 photo waits\./)
    expect(waitingText(70)).toBe('The check is not finished: 70 photos wait. Answers count 30 at a time.')
  })
  it('says what the range means', () => {
    expect(meaning(checkedReport())).toBe(
      'Of 100 photos that nobody has labelled, it gets 62 to 79 right, most likely about 71. 95 of 100 such ranges hold the true number.',
    )
  })
})
