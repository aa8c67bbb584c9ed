import { describe, expect, it } from 'vitest'
import { choiceOfKey, choicesOf } from '../src/audit/queue'
import { named } from './made'

const twelve = Array.from({ length: 12 }, (_, i) => `label ${i + 1}`)

describe('the labels to choose from in the review queue', () => {
  const { names } = named(1, [], ...twelve)
  it('are those there are, and the predicted one if it is gone', () => {
    expect(choicesOf(names, 'label 3').map((l) => l.name)).toEqual(twelve)
    expect(choicesOf(names, 'gone').map((l) => l.name)).toEqual([...twelve, 'gone'])
  })
  it('have keys beyond nine, as in the spot check', () => {
    const found = ['1', '9', '0', 'a', 'B', 'c'].map((key) => choiceOfKey(names, key))
    expect(found).toEqual(['label 1', 'label 9', 'label 10', 'label 11', 'label 12', null])
  })
  it('have no other keys', () => {
    expect(['Enter', 'ArrowLeft', '/', '+', ''].map((key) => choiceOfKey(names, key))).toEqual(Array(5).fill(null))
    const many = named(1, [], ...Array.from({ length: 200 }, (_, i) => `label ${i}`)).names
    expect(['n', 'u'].map((key) => choiceOfKey(many, key))).toEqual([null, null])
  })
})
