import { describe, expect, it, vi } from 'vitest'
import type { Facts } from '../src/state/guidance'

const kept = new Map<string, string>()
vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }))
vi.stubGlobal('localStorage', {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => kept.set(key, value),
})
vi.stubGlobal('document', { documentElement: { dataset: {} } })
vi.stubGlobal('addEventListener', () => undefined)
const { adviceFor, guideOn, switchGuide } = await import('../src/state/guidance')

/** Two labels of many actions, a model of now that is not checked, and 700 photos more. */
const facts = (of: Partial<Facts> = {}): Facts => ({
  preparing: false,
  prepared: 900,
  labels: [
    { name: 'front', count: 100, gestures: 40 },
    { name: 'rear', count: 100, gestures: 40 },
  ],
  labelled: 200,
  unlabelled: 700,
  selected: 0,
  reviewing: false,
  training: false,
  model: { old: false, accuracy: null },
  check: { waiting: 0, draws: 30, none: 0 },
  toLabel: null,
  error: 0.05,
  plan: null,
  finished: 0,
  predicted: 700,
  ...of,
})
const group = (name: string) => ({ name, count: 15, gestures: 1 })
const checked = (accuracy: number) => ({ old: false, accuracy })

const STAGES: [string, Partial<Facts>, string | null, string][] = [
  ['nothing prepared, preparing', { prepared: 0, preparing: true, labels: [] }, null, 'The first map comes after 500'],
  ['nothing prepared, cancelled', { prepared: 0, labels: [] }, 'prepare', 'not prepared yet'],
  ['a first map, no label', { preparing: true, labels: [], model: null }, 'lasso', 'More photos come while you work.'],
  ['all prepared, no label', { labels: [], model: null }, 'lasso', 'Look for photos that belong together'],
  ['one label', { labels: [group('front')], model: null }, 'lasso', 'Make a second one beside “front”.'],
  [
    'photos selected, no label',
    { labels: [], model: null, selected: 12 },
    'review',
    '12 photos are selected. See them side by side, throw out the odd ones, and name the others.',
  ],
  [
    'photos selected and under review, one label',
    { labels: [group('front')], model: null, selected: 11, reviewing: true },
    'name',
    'Click the photos that do not belong, and name the others.',
  ],
  ['photos selected, two labels', { selected: 11, model: null }, 'train', 'Train a model'],
  [
    'three labels of one lasso each',
    { labels: ['a', 'b', 'c'].map(group), model: null },
    'suggest',
    '3 labels were given in one go each, perhaps to photos that look alike. Add different ones',
  ],
  [
    'one of two labels of one lasso',
    { labels: [group('a'), { name: 'b', count: 5, gestures: 5 }], model: null },
    'suggest',
    '“a” was given in one go',
  ],
  [
    'lassos, and then a batch of other photos',
    { labels: [group('a'), { name: 'b', count: 27, gestures: 13 }], model: null },
    'train',
    'Train a model',
  ],
  [
    'single photos',
    {
      labels: [
        { name: 'a', count: 1, gestures: 1 },
        { name: 'b', count: 1, gestures: 1 },
      ],
      model: null,
    },
    'train',
    'Train a model',
  ],
  ['training', { training: true }, null, 'learns from your labels'],
  ['a model of few labels', { labelled: 19 }, 'suggest', 'These 24 next: they teach it most'],
  [
    'a model of few labels, few photos left',
    { labelled: 19, unlabelled: 5 },
    'suggest',
    'The 5 photos left teach it most',
  ],
  [
    'a model of enough labels',
    {},
    'check',
    'Check 30 photos drawn at random. You chose your labels, so only this tells',
  ],
  [
    'a check that waits, whatever was labelled',
    { check: { waiting: 2, draws: 30, none: 0 }, model: { old: true, accuracy: null } },
    'check',
    '2 photos of the check wait',
  ],
  ['one photo of a check waits', { check: { waiting: 1, draws: 30, none: 0 } }, 'check', '1 photo of the check waits'],
  ['every answer unsure', { toLabel: 'unsure' }, 'suggest', 'You could tell none of the checked photos apart'],
  ['labels since the training', { model: { old: true, accuracy: 0.9 } }, 'train', 'Train again'],
  [
    'many checked photos with none of the labels',
    { model: checked(0.6), toLabel: 'none', check: { waiting: 0, draws: 30, none: 9 } },
    'none-of-these',
    '9 photos of the check show none of your labels',
  ],
  ['wrong about most', { model: checked(0.3), toLabel: 'more' }, 'suggest', 'probably wrong about most photos'],
  ['checked, the plan not known', { model: checked(0.9) }, 'finish', 'See how many photos the model may label'],
  [
    'not good enough',
    { model: checked(0.71), plan: { labels: 0, left: 700, more_checks: null } },
    'suggest',
    'It is right about 71 % of the rest: too few to label it, with 5 % or fewer of all labels wrong. These 24 next: they teach it most.',
  ],
  [
    'nearly good enough',
    { model: checked(0.93), plan: { labels: 100, left: 600, more_checks: 1000 } },
    'confirm',
    'Confirm a page of each label',
  ],
  [
    'some more checks needed',
    { model: checked(0.93), plan: { labels: 100, left: 600, more_checks: 70 } },
    'check',
    'About 70 more checks will show whether it may label the rest, with 5 % or fewer of all labels wrong.',
  ],
  [
    'some more checks needed, fewer than the next check has',
    { model: checked(0.93), plan: { labels: 100, left: 600, more_checks: 10 } },
    'check',
    '30 more checks will show whether it may label the rest, with 5 % or fewer of all labels wrong.',
  ],
  [
    'good enough',
    { model: checked(0.97), plan: { labels: 700, left: 0, more_checks: null } },
    'finish',
    'Done: 5 % or fewer of all labels wrong. The model may label 700 photos for you.',
  ],
  [
    'good enough for most',
    { model: checked(0.97), plan: { labels: 600, left: 100, more_checks: 30 } },
    'finish',
    '100 photos are left for you.',
  ],
  [
    'another share than 5 %',
    { error: 0.1, model: checked(0.97), plan: { labels: 700, left: 0, more_checks: null } },
    'finish',
    'Done: 10 % or fewer of all labels wrong.',
  ],
  [
    'finished, some left',
    { finished: 600, unlabelled: 100, model: checked(0.97) },
    'confirm',
    '100 photos are left, of which the model is not sure enough',
  ],
  [
    'finished, one left without a prediction',
    { finished: 600, unlabelled: 1, predicted: 0 },
    'suggest',
    '1 photo is left',
  ],
  ['every photo labelled', { finished: 600, unlabelled: 0, predicted: 0 }, 'take-away', 'Every photo has a label.'],
  [
    'every photo labelled by hand, no model',
    { model: null, unlabelled: 0, predicted: 0 },
    'take-away',
    'Every photo has a label.',
  ],
]

describe('the advice', () => {
  it.each(STAGES)('%s', (_, of, action, text) => {
    const advice = adviceFor(facts(of))
    expect(advice.action).toBe(action)
    expect(advice.text).toContain(text)
  })
  it('is one or two sentences, whatever the names', () => {
    const long = 'x'.repeat(100)
    for (const [, of] of STAGES) expect(adviceFor(facts(of)).text.length).toBeLessThan(200)
    expect(adviceFor(facts({ labels: [group(long)], model: null })).text).toContain(long)
  })
})

it('can be switched off and on again, which is kept', () => {
  expect(guideOn.value).toBe(true)
  switchGuide(false)
  expect([guideOn.value, kept.get('handlens-guide')]).toEqual([false, 'off'])
  switchGuide(true)
  expect([guideOn.value, kept.get('handlens-guide')]).toEqual([true, 'on'])
})
