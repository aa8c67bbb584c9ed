import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import { ApiError } from '../src/server/http'
import type { CollectionState, Labels } from '../src/server/types'
import { replaceCollection, setApi } from '../src/state/collection'
import { giveAnswer, question } from '../src/state/dialogs'
import { kept, lookAlike } from '../src/state/label-names'
import {
  assign,
  changedText,
  guessed,
  labels,
  matching,
  merge,
  openLabels,
  pick,
  picked,
  rename,
  saving,
  takeLabels,
  undo,
} from '../src/state/labels'
import { maskOf } from '../src/state/masks'
import { dismiss, messages } from '../src/state/messages'
import { replaceSelection, selected } from '../src/state/selection'
import { toSeparate } from '../src/state/separation'
import { named } from './made'

let api: CollectionApi
beforeEach(() => {
  api = new CollectionApi('c')
  setApi(api)
  replaceCollection({ count: 4 } as CollectionState)
  openLabels(named(1, [0, -1, -1, -1], 'front'))
  replaceSelection(maskOf([0, 1], 4))
  for (const { id } of messages.value) dismiss(id)
})

describe('matching', () => {
  const { names } = named(1, [], 'tiger lily', 'fire lily', 'Lily', 'löwenzahn', 'lily')
  const found = (text: string): string[] => matching(names, text).map((l) => l.name)
  it('has the label that is called so first, then those that begin with the text', () => {
    expect(found('lily')).toEqual(['lily', 'Lily', 'tiger lily', 'fire lily'])
    expect(found(' fi ')).toEqual(['fire lily'])
    expect(found('i')).toEqual(['tiger lily', 'fire lily', 'Lily', 'lily'])
  })
  it('does not mind accents and capital letters', () => {
    expect(found('LOW')).toEqual(['löwenzahn'])
    expect(found('Löw')).toEqual(['löwenzahn'])
  })
  it('has all labels in their order without a text, and none for another text', () => {
    expect(found(' ')).toEqual(names.map((l) => l.name))
    expect(found('rose')).toEqual([])
  })
})

describe('guessed', () => {
  it('moves photos between labels and counts them', () => {
    const next = guessed(named(1, [0, 0, 1, -1], 'front', 'rear'), maskOf([1, 3], 4), 'rear')
    expect([...next.codes]).toEqual([0, 1, 1, 1])
    expect(next.names.map((l) => l.count)).toEqual([1, 3])
  })
  it('gives a new label the first free colour', () => {
    const before = named(1, [0, -1], 'front')
    before.names[0]!.colour = 1
    expect(guessed(before, maskOf([1], 2), 'rear').names[1]).toEqual({ name: 'rear', count: 1, gestures: 1, colour: 0 })
  })
  it('takes labels away', () => {
    const next = guessed(named(1, [0, 0], 'front'), maskOf([0], 2), null)
    expect([...next.codes]).toEqual([-1, 0])
    expect(next.names[0]!.count).toBe(1)
  })
})

describe('assign', () => {
  it('is shown at once and saved when the server says so', async () => {
    let answer: ((of: Labels) => void) | undefined
    api.assign = () => new Promise((done) => (answer = done))
    const going = assign(' rear ')
    expect([...labels.value.codes]).toEqual([1, 1, -1, -1])
    expect(saving.value).toBe('saving')
    await vi.waitUntil(() => answer)
    answer!(named(2, [1, 1, -1, -1], 'front', 'rear'))
    expect(await going).toBe(true)
    expect(saving.value).toBe('saved')
    expect(labels.value.version).toBe(2)
    expect([...selected.value]).toEqual([0, 0, 0, 0])
  })
  it('is taken back, and can be tried again, when the server could not save it', async () => {
    const before = labels.value
    api.assign = () => Promise.reject(new ApiError('The disk is full.', 507))
    expect(await assign('rear')).toBe(false)
    expect(labels.value).toBe(before)
    expect(saving.value).toBe('unsaved')
    expect(messages.value[0]!.text).toBe('Not saved: The disk is full.')
    expect(messages.value[0]!.actions.map((a) => a.name)).toEqual(['Try again'])
    expect([...selected.value]).toEqual([1, 1, 0, 0])
  })

  it('shows of two changes only what the server has saved, if it was gone between them', async () => {
    const answers: (() => void)[] = []
    api.assign = () =>
      new Promise((_, failed) => answers.push(() => failed(new ApiError('Studio does not answer.', 0))))
    const going = Promise.all([assign('rear'), assign('side')])
    expect(labels.value.names.map((l) => l.name)).toEqual(['front', 'rear', 'side'])
    expect([...labels.value.codes]).toEqual([2, 2, -1, -1])
    for (const n of [0, 1]) {
      await vi.waitUntil(() => answers[n])
      answers[n]!()
    }
    expect(await going).toEqual([false, false])
    expect(labels.value).toEqual(named(1, [0, -1, -1, -1], 'front'))
    expect([...selected.value]).toEqual([1, 1, 0, 0])
    expect(saving.value).toBe('unsaved')
    expect(messages.value.map((m) => m.text)).toEqual(['Not saved: Studio does not answer.'])
  })
  it('keeps showing the second of two changes when the first is saved', async () => {
    const answers: ((of: Labels) => void)[] = []
    api.assign = () => new Promise((done) => answers.push(done))
    const going = Promise.all([assign('rear'), assign('side')])
    await vi.waitUntil(() => answers[0])
    answers[0]!(named(2, [1, 1, -1, -1], 'front', 'rear'))
    await vi.waitUntil(() => answers[1])
    expect([...labels.value.codes]).toEqual([2, 2, -1, -1])
    answers[1]!(named(3, [2, 2, -1, -1], 'front', 'rear', 'side'))
    expect(await going).toEqual([true, true])
    expect(labels.value.version).toBe(3)
  })
})

describe('a label that changes others', () => {
  const now = named(1, [0, 1, 0, -1, 2, 2], 'van', 'car', 'bus')
  it('is said, with the numbers', () => {
    expect(changedText(now, maskOf([0, 2, 3], 6), 'car')).toBe('2 photos changed from van to car')
    expect(changedText(now, maskOf([0, 1, 4, 5], 6), 'car')).toBe('3 photos changed to car: 1 from van, 2 from bus')
  })
  it('is not said where none has another label', () => {
    expect(changedText(now, maskOf([1, 3], 6), 'car')).toBe('')
  })
  const relabel = async (): Promise<void> => {
    api.assign = () => Promise.resolve(named(2, [1, 1, -1, -1], 'front', 'rear'))
    await assign('rear')
  }
  it('can be undone from the message', async () => {
    await relabel()
    const { text, actions } = messages.value[0]!
    expect(text).toBe('1 photo changed from front to rear.')
    let undone = 0
    api.undo = () => {
      undone++
      return Promise.resolve(named(3, [0, -1, -1, -1], 'front'))
    }
    takeLabels({ ...named(2, [1, 1, -1, -1], 'front', 'rear'), undo: 'label 2 photos “rear”' })
    expect(actions.map((a) => a.name)).toEqual(['Undo'])
    actions[0]!.run()
    await vi.waitUntil(() => labels.value.version === 3)
    expect(undone).toBe(1)
    expect(messages.value).toEqual([])
  })
  it('cannot be undone from the message once something else was done, here or elsewhere', async () => {
    await relabel()
    takeLabels(named(3, [0, 1, -1, -1], 'front', 'rear'))
    expect(messages.value).toEqual([])
  })
})

describe('a new name like that of a label', () => {
  it('differs only by capital letters, spaces or the form of its characters', () => {
    const { names } = named(1, [], 'Cat', 'front left', 'é', 'straße', '1')
    const found = (name: string): string | undefined => lookAlike(names, name)?.name
    expect(['cat', 'CAT', 'c at', 'ｃａｔ'].map(found)).toEqual(['Cat', 'Cat', 'Cat', 'Cat'])
    expect(['Front Left', 'frontleft', 'É', 'STRASSE', '①'].map(found)).toEqual([
      'front left',
      'front left',
      'é',
      'straße',
      '1',
    ])
    expect(['Cat', 'cats', 'e', 'front-left'].map(found)).toEqual([undefined, undefined, undefined, undefined])
  })
  it('is kept as the server keeps it', () => {
    expect(kept('  front \t left ')).toBe('front left')
    expect(kept('e\u0301')).toBe('\u00e9')
  })

  const sent: unknown[][] = []
  beforeEach(() => {
    sent.length = 0
    api.assign = (_, name) => {
      sent.push(['assign', name])
      return Promise.resolve(named(2, [0, 0, -1, -1], 'front'))
    }
    api.rename = (...all) => {
      sent.push(['rename', ...all])
      return Promise.resolve(named(2, [0, -1, -1, -1], 'front'))
    }
    api.merge = (...all) => {
      sent.push(['merge', ...all])
      return Promise.resolve(named(2, [0, -1, -1, -1], 'front'))
    }
  })
  it.each([
    ['Use front', true, [['assign', 'front']]],
    ['Keep both', true, [['assign', 'Front']]],
    [null, false, []],
  ])('is asked about: %s', async (answer, went, calls) => {
    const going = assign(' Front')
    expect(question.value).toMatchObject({ title: 'front or Front?', answers: ['Use front', 'Keep both'] })
    expect(sent).toEqual([])
    giveAnswer(answer)
    expect(await going).toBe(went)
    expect(sent).toEqual(calls)
    expect(question.value).toBe(null)
    expect([...selected.value]).toEqual(went ? [0, 0, 0, 0] : [1, 1, 0, 0])
  })
  it('is not asked about where it is the name of a label', async () => {
    openLabels(named(1, [0, 1, -1, -1], 'front', 'Front'))
    await assign('Front')
    expect(sent).toEqual([['assign', 'Front']])
  })

  it('offers to merge when a label is renamed to it', async () => {
    openLabels(named(1, [0, 1, -1, -1], 'front', 'rear'))
    const going = rename('rear', ' front')
    expect(question.value).toMatchObject({ title: 'Merge rear with front?', answers: ['Merge with front'] })
    giveAnswer('Merge with front')
    expect(await going).toBe(true)
    expect(sent).toEqual([['merge', ['rear'], 'front']])
  })
  it('offers to keep both when a label is renamed to what only looks like it', async () => {
    openLabels(named(1, [0, 1, -1, -1], 'front', 'rear'))
    const going = rename('rear', 'FRONT')
    expect(question.value!.answers).toEqual(['Merge with front', 'Keep both'])
    giveAnswer('Keep both')
    await going
    expect(sent).toEqual([['rename', 'rear', 'FRONT']])
  })
  it('lets a label change its own capital letters', async () => {
    await rename('front', 'Front')
    expect(sent).toEqual([['rename', 'front', 'Front']])
  })
  it('is asked about when labels are merged into it, unless it is one of them', async () => {
    openLabels(named(1, [0, 1, 2, -1], 'front', 'rear', 'side'))
    const going = merge(['front', 'rear'], 'Side')
    giveAnswer('Use side')
    await going
    openLabels(named(1, [0, 1, 2, -1], 'front', 'rear', 'side'))
    await merge(['front', 'rear'], 'front')
    expect(sent).toEqual([
      ['merge', ['front', 'rear'], 'side'],
      ['merge', ['front', 'rear'], 'front'],
    ])
  })
})

describe('undo', () => {
  it('waits for the label that it is to take back', async () => {
    const sent: string[] = []
    let answer: ((of: Labels) => void) | undefined
    api.assign = () => {
      sent.push('assign')
      return new Promise((done) => (answer = done))
    }
    api.undo = () => {
      sent.push('undo')
      return Promise.resolve(named(3, [0, -1, -1, -1], 'front'))
    }
    const going = Promise.all([assign('rear'), undo()])
    await vi.waitUntil(() => answer)
    expect(sent).toEqual(['assign'])
    answer!({ ...named(2, [1, 1, -1, -1], 'front', 'rear'), undo: 'label rear' })
    await going
    expect(sent).toEqual(['assign', 'undo'])
    expect(labels.value.version).toBe(3)
  })
})

describe('takeLabels', () => {
  it('never goes back to older labels', () => {
    openLabels(named(5, [0], 'front'))
    takeLabels(named(4, [-1]))
    expect(labels.value.version).toBe(5)
  })
  it('forgets picks of labels that are gone', () => {
    pick('front')
    pick('rear')
    takeLabels(named(6, [0], 'front'))
    expect([...picked.value]).toEqual(['front'])
  })
})

describe('toSeparate', () => {
  it('is what is ticked, in the order of the list', () => {
    openLabels(named(1, [0, 1, 2], 'a', 'b', 'c'))
    pick('c')
    pick('a')
    expect(toSeparate()).toEqual(['a', 'c'])
  })
  it('is both labels when there are but two', () => {
    openLabels(named(1, [0, 1], 'a', 'b'))
    expect(toSeparate()).toEqual(['a', 'b'])
  })
  it('is nothing when it is not clear which', () => {
    openLabels(named(1, [0, 1, 2], 'a', 'b', 'c'))
    pick('c')
    expect(toSeparate()).toEqual([])
  })
})
