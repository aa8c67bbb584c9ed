import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import { ApiError } from '../src/server/http'
import type { CollectionState, Labels } from '../src/server/types'
import { replaceCollection, setApi } from '../src/state/collection'
import {
  assign,
  guessed,
  labels,
  matching,
  openLabels,
  pick,
  picked,
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
    expect(guessed(before, maskOf([1], 2), 'rear').names[1]).toEqual({ name: 'rear', count: 1, colour: 0 })
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
