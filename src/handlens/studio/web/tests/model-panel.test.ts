import { h, type VNode } from 'preact'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import type { CollectionState, Report, SpotCheck } from '../src/server/types'
import { collection as onScreen, replaceCollection, replacePhotos, setApi } from '../src/state/collection'
import { openLabels } from '../src/state/labels'
import { replaceSelection } from '../src/state/selection'
import { checkedReport, collection, named, point, report, spotCheck } from './made'
import { elementsOf, textOf } from './vnode'

// What the page's modules ask of the browser when they are loaded.
vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }))
// Without the advice, its step is filled among the others.
vi.stubGlobal('localStorage', { getItem: (key: string) => (key === 'handlens-guide' ? 'off' : null) })
vi.stubGlobal('document', { documentElement: { dataset: {} } })
vi.stubGlobal('addEventListener', () => undefined)
const { Headline } = await import('../src/components/Headline')
const { rightText, sentenceOf } = await import('../src/components/History')
const { NextSteps } = await import('../src/components/NextSteps')
const { CheckResult } = await import('../src/components/CheckResult')
const { fadedText, Made } = await import('../src/components/ModelPanel')
const { Confusion } = await import('../src/components/Confusion')
const { InUse } = await import('../src/components/FineTune')
const { COMMANDS, runCommand } = await import('../src/keyboard/commands')
const { closeDialog, dialog, openDialog } = await import('../src/state/dialogs')
const { dismiss, messages } = await import('../src/state/messages')
const { advice } = await import('../src/state/guidance')
const { review } = await import('../src/state/review')
const { alpha, loadPredictions } = await import('../src/state/model')
const { opacity } = await import('../src/state/view')
const { gesture, selected } = await import('../src/state/selection')

const show = (of: Partial<CollectionState>): void => void replaceCollection(collection(of))

beforeEach(() => {
  setApi(new CollectionApi('c'))
  openLabels(named(1, [0, 0, 1, 1, -1, -1], 'front', 'rear'))
  show({})
  replacePhotos({
    paths: ['0', '1', '2', '3', '4', '5'],
    order: new Int32Array(6),
    aspect: new Float32Array(6),
    prepared: 6,
    left_out: [],
  })
})

describe('each label', () => {
  const dog = { name: 'dog', count: 12, thin: false, said: 3, right: 2, precision: 2 / 3, low: 0.21, high: 0.94 }
  const cat = { name: 'cat', count: 4, thin: true, said: 0, right: 0, precision: null, low: null, high: null }
  it('is right so often, of so many checked photos, and in such a range', () => {
    const of = checkedReport({ per_class: [dog, cat] })
    expect(textOf(h(Made, { report: of }))).toContain('dog12 67 % of 3 between 21 and 94 %cat4 thin–')
  })
  it('has no number before there is one of all', () => {
    expect(textOf(h(Made, { report: report({ per_class: [dog] }) }))).toContain('dog12 –')
  })
})

describe('why the accuracy moved', () => {
  const before = point({ sentence: 'From 50 % to 60 % with 10 more labels.' })
  const tuned = point({ kind: 'fine-tuned', sentence: 'From 60 % to 45 % with another kind of model.' })
  it('is about the model in use, whatever was trained last', () => {
    expect(sentenceOf([point(), before, tuned], 'quick')).toBe(before.sentence)
    expect(sentenceOf([point(), before, tuned], 'fine-tuned')).toBe(tuned.sentence)
  })
  it('is about the latest model where the one in use has no point', () => {
    expect(sentenceOf([before, tuned], 'both')).toBe(tuned.sentence)
    expect(sentenceOf([before, tuned], undefined)).toBe(tuned.sentence)
  })
})

it('says how many photos are faded, and why none is', () => {
  expect(fadedText(7, 1200)).toBe('7 of 1,200 faded')
  expect(fadedText(0, 1200)).toBe('0 of 1,200 faded, because no prediction is that sure')
})

describe('the headline', () => {
  it('is the checked accuracy, with its range, its bar and what it is about', () => {
    const shown = h(Headline, { of: checkedReport({ low: 0.5, high: 0.75 }) })
    expect(textOf(shown)).toBe(
      '71 % right between 50 and 75 %on the 834 photos that no person has labelled or checked, from 30 checked at random',
    )
    const bar = elementsOf(shown).filter((e) => e.props.style)
    expect(bar.map((e) => e.props.style)).toEqual([{ left: '50%', width: '25%' }, { left: '71%' }])
  })
  it('says what it leaves out: photos that the person could not tell, and those that still wait', () => {
    show({ spot_check: spotCheck({ waiting: [4, 5] }) })
    const of = checkedReport({ unsure: 4, low_of_all: 0.63, high_of_all: 0.75 })
    expect(textOf(h(Headline, { of }))).toBe(
      '71 % right of those that you could tell between 62 and 79 %' +
        'on the 834 photos that no person has labelled or checked, from 30 checked at random' +
        'You were unsure of 4 more: counted as wrong the number would be 63 %, counted as right 75 %.' +
        'The check is not finished: 2 photos wait. Answers count 30 at a time.',
    )
  })
  it('is no number called right before a check, but a guess without a point', () => {
    const shown = h(Headline, { of: report({ guess: { low: 0.37, high: 0.89 } }) })
    expect(textOf(shown)).toMatch(
      /^A guess: between 37 and 89 % of the photos without a label are predicted correctly\./,
    )
    expect(textOf(shown)).not.toContain('right')
    expect(elementsOf(shown).filter((e) => e.props.style)).toHaveLength(1)
  })
  it('is a guess, of a check that is not finished, until its first answers count', () => {
    show({ spot_check: spotCheck({ waiting: [4, 5], answered: 28 }) })
    const shown = h(Headline, { of: report({ guess: { low: 0.37, high: 0.89 } }) })
    expect(textOf(shown)).toMatch(/^A guess: between 37 and 89 % .*The check is not finished: 2 photos wait\./)
  })
  it('is a sentence where there is not even a guess', () => {
    const shown = h(Headline, { of: report({ reason: '“front” comes from one gesture.' }) })
    expect(textOf(shown)).toBe('“front” comes from one gesture.')
    expect(elementsOf(shown).some((e) => e.props.style)).toBe(false)
  })
})

/** The buttons, with the filled one in brackets; without that which suggests photos, which is there till the end. */
const buttons = (of = h(NextSteps, {})): string[] => allButtons(of).filter((text) => !text.includes('suggested photo'))

const allButtons = (of = h(NextSteps, {})): string[] =>
  elementsOf(of)
    .filter((e) => e.type === 'button' && textOf(e) !== 'Advice')
    .map((e) => (String(e.props.class).includes('filled') ? `[${textOf(e)}]` : textOf(e)))

describe('the next step', () => {
  it('is training, once two labels have photos', () => {
    expect(buttons()).toEqual(['[Train]'])
    openLabels(named(1, [0, 0, 1, -1, -1, -1], 'front', 'rear'))
    expect(buttons()).toEqual(['[Train]'])
    openLabels(named(1, [0, 0, -1, -1, -1, -1], 'front', 'rear'))
    expect(buttons()).toEqual(['Train'])
  })
  it('is a check, once a model is trained', () => {
    const few = named(1, [0, 0, 1, 1, -1, -1], 'front', 'rear')
    openLabels({ ...few, names: few.names.map((label) => ({ ...label, count: 10 })) })
    show({ report: report() })
    expect(buttons()).toEqual(['Train', '[Check 30 random photos]'])
    show({ report: report(), spot_check: spotCheck({ left: 1 }) })
    expect(buttons()).toEqual(['Train', '[Check 1 random photo]'])
    show({ report: report(), spot_check: spotCheck({ left: 0 }) })
    expect(buttons()).toEqual(['Train'])
    expect(advice.value.action).toBe('suggest')
  })
  it('is to go on with a check that was begun, whatever was labelled since', () => {
    show({ report: report({ labels_version: 0 }), spot_check: spotCheck({ waiting: [4, 5], answered: 28 }) })
    expect(buttons()).toEqual(['Train', '[Go on with the check: 2 left]'])
  })
  it('is training again after labels have changed, then finishing', () => {
    show({ report: checkedReport({ labels_version: 0 }) })
    expect(buttons()).toEqual(['[Train]', 'Check 30 more', 'Finish…'])
    show({ report: checkedReport() })
    expect(buttons()).toEqual(['Train', 'Check 30 more', '[Finish…]'])
  })
  it('is what finishing has left', () => {
    show({ report: checkedReport({ labels_version: 0 }), finished: 2 })
    expect(buttons()).toEqual(['Train', 'Check 30 more', 'Finish…', 'Show the 2 photos left'])
    expect(textOf(h(NextSteps, {}))).toContain('2 photos labelled by finishing, certified. 2 photos are left for you.')
    openLabels(named(1, [0, 0, 1, 1, 1, 0], 'front', 'rear'))
    expect(buttons()).toEqual(['Train', 'Check 30 more', 'Finish…'])
    expect(textOf(h(NextSteps, {}))).toContain('No photo is left without a label.')
  })
})

describe('photos to label', () => {
  it('are suggested while some are without a label', () => {
    openLabels(named(1, [0, 0, 1, 1, -1, -1], 'front', 'rear'))
    expect(allButtons()).toEqual(['[Train]', 'Label 2 suggested photos'])
    openLabels(named(1, [0, 0, 1, 1, 1, -1], 'front', 'rear'))
    expect(allButtons()).toContain('Label 1 suggested photo')
    openLabels(named(1, [0, 0, 1, 1, 1, 0], 'front', 'rear'))
    expect(allButtons()).toEqual(['Train'])
  })
  it('are the main step where the model is wrong about most', () => {
    openLabels(named(1, [0, 0, 1, 1, -1, -1], 'front', 'rear'))
    show({ report: checkedReport({ accuracy: 0.3, low: 0.2, high: 0.4 }) })
    expect(allButtons()).toEqual(['Train', 'Check 30 more', '[Label 2 suggested photos]', 'Finish…'])
  })
})

describe('after a check', () => {
  const shown = (): VNode => h(CheckResult, {})
  const of = (made: Partial<Report>, check: Partial<SpotCheck>): void =>
    show({ report: report({ checked: 30, reason: '', ...made }), spot_check: spotCheck({ answered: 30, ...check }) })

  it('the answers are learned from', () => {
    of({ accuracy: 0.7, low: 0.5, high: 0.8, labels_version: 0 }, {})
    expect(buttons(shown())).toEqual(['[Train again with these]', 'Check 30 more', 'Finish…', 'Close'])
  })
  it('with no mistake it is finishing', () => {
    of({ accuracy: 1, low: 0.89, high: 1, labels_version: 0 }, {})
    expect(buttons(shown())).toEqual(['Train again with these', 'Check 30 more', '[Finish…]', 'Close'])
  })
  it('with none of these everywhere, such photos get a label', () => {
    of({ accuracy: 0, low: 0, high: 0.1 }, { answered: 40, none_of_these: [...Array(40).keys()], left: 15 })
    expect(buttons(shown())).toEqual(['[Show the 40 photos to label]', 'Check 15 more', 'Finish…', 'Close'])
    expect(textOf(shown())).toContain(
      '40 photos of the check show none of your labels, so the model cannot be right about such photos. Give them a label (“other” is one, too), and train again.',
    )
    expect(buttons()).toContain('[Show the 40 photos to label]')
  })
  it('such photos are in the review grid, selected', () => {
    replaceSelection(new Uint8Array(6))
    openDialog({ kind: 'check' })
    of({ accuracy: 0.5, low: 0.3, high: 0.7, labels_version: 0 }, { answered: 10, none_of_these: [5, 2] })
    const [first] = elementsOf(shown()).filter((e) => e.type === 'button')
    ;(first!.props.onClick as () => void)()
    expect(review.value?.ids).toEqual([2, 5])
    expect([...selected.value]).toEqual([0, 0, 1, 0, 0, 1])
    expect(dialog.value).toBe(null)
  })
  it('a few of them change nothing', () => {
    of({ accuracy: 0.7, low: 0.5, high: 0.8 }, { none_of_these: [1, 2, 3, 4, 5] })
    expect(buttons(shown())).toEqual(['Check 30 more', '[Finish…]', 'Close'])
    expect(buttons()).toEqual(['Train', 'Check 30 more', '[Finish…]'])
  })
  it('with every answer unsure, another check is not the main step', () => {
    of({ checked: 0, unsure: 30, reason: 'You were unsure of each checked photo.' }, { unsure: 30 })
    expect(buttons(shown())).toEqual(['Check 30 more', '[Label more photos]'])
    expect(textOf(shown())).toMatch(/^You were unsure of each checked photo\.0 photos labelled; 30 unsure/)
    expect(buttons()).toEqual(['Train', 'Check 30 random photos'])
  })
  it('with all wrong, the answers are learned from, and then more is labelled', () => {
    of({ accuracy: 0, low: 0, high: 0.1, labels_version: 0 }, {})
    expect(buttons(shown())).toEqual(['[Train again with these]', 'Check 30 more', 'Finish…', 'Label more photos'])
    expect(textOf(shown())).toContain('It is probably wrong about most photos. Label more of them, and train again.')
    of({ accuracy: 0.2, low: 0.1, high: 0.4 }, {})
    expect(buttons(shown())).toEqual(['Check 30 more', 'Finish…', '[Label more photos]'])
    expect(buttons()).toEqual(['Train', 'Check 30 more', 'Finish…'])
    expect(textOf(h(NextSteps, {}))).toContain('It is probably wrong about most photos.')
  })
})

describe('the undo of a finish', () => {
  it('makes nothing new that a model could learn from', () => {
    show({ report: checkedReport() })
    openLabels({ ...named(3, [0, 0, 1, 1, -1, -1], 'front', 'rear'), last_by_person: 1 })
    expect(buttons()).toEqual(['Train', 'Check 30 more', '[Finish…]'])
    openLabels({ ...named(4, [0, 0, 1, 1, 1, -1], 'front', 'rear'), last_by_person: 4 })
    expect(buttons()).toEqual(['[Train]', 'Check 30 more', 'Finish…'])
  })
})

describe('a key of what cannot be done yet', () => {
  it.each([
    ['check' as const, 'Train first: a spot check tells how often a model is right, and there is none yet.'],
    ['opacity' as const, 'Train first: then photos that the model is sure of can be faded.'],
  ])('says what is missing: %s', (id, says) => {
    for (const { id } of messages.value) dismiss(id)
    closeDialog()
    runCommand(COMMANDS[id])
    expect(messages.value.map((m) => m.text)).toEqual([says])
    expect(dialog.value).toBe(null)
  })
  it('opens the check once there is a model', () => {
    show({ report: report() })
    runCommand(COMMANDS.check)
    expect(dialog.value).toEqual({ kind: 'check' })
    closeDialog()
  })
})

describe('the history', () => {
  it('says of how many photos the person was unsure', () => {
    const checked = point({ accuracy: 0.71, low: 0.62, high: 0.79, checked: 26, unsure: 4 })
    expect(rightText(checked)).toBe('71 %, between 62 and 79 %, from 26 checked, 4 more unsure')
    expect(rightText({ ...checked, unsure: 0 })).toBe('71 %, between 62 and 79 %, from 26 checked')
    expect(rightText(point())).toBe('not checked')
  })
})

describe('the confusion table', () => {
  const made = report({
    confusion: {
      names: ['front', 'rear'],
      counts: [
        [8, 1],
        [0, 5],
      ],
    },
  })
  const cells = () => elementsOf(h(Confusion, { report: made })).filter((e) => e.type === 'button')

  it('has a button for each cell with photos', () => {
    expect(cells().map((e) => e.props['aria-label'])).toEqual([
      '8 photos: front taken for front',
      '1 photo: front taken for rear',
      '5 photos: rear taken for rear',
    ])
  })
  it('opens the photos of a cell in the review grid', async () => {
    const api = new CollectionApi('c')
    const asked: string[] = []
    api.confused = async (...of) => {
      asked.push(...of)
      return Int32Array.from([1, 4])
    }
    setApi(api)
    replaceSelection(new Uint8Array(6))
    ;(cells()[1]!.props.onClick as () => void)()
    await vi.waitFor(() => expect(review.value?.ids).toEqual([1, 4]))
    expect(asked).toEqual(['front', 'rear'])
    expect([...selected.value]).toEqual([0, 1, 0, 0, 1, 0])
    expect(gesture.value).toBe('review')
  })
})

describe('the choice of the model', () => {
  it('calls a model that was not checked so, and compares on the same check', () => {
    const models = [
      { kind: 'quick' as const, title: 'Quick', network: null, accuracy: 0.71, labels_version: 1 },
      { kind: 'fine-tuned' as const, title: 'Fine-tuned', network: 'tiny', accuracy: null, labels_version: 1 },
    ]
    show({ model: 'quick', models })
    expect(textOf(h(InUse, {}))).toBe('Model in useQuick71 %Fine-tuned tinynot checked')
    const compared = { sentence: 'Chance could explain that.' } as CollectionState['comparisons'][number]
    const outcome = 'Fine-tuning does not help: of the same 2 photos …'
    show({ model: 'quick', models, comparisons: [compared], report: report({ outcome }) })
    expect(textOf(h(InUse, {}))).toContain('Chance could explain that.')
    expect(textOf(h(InUse, {}))).not.toContain(outcome)
    show({ model: 'quick', models, report: report({ outcome }) })
    expect(textOf(h(InUse, {}))).toContain(`The latest training: ${outcome}`)
  })
  it('offers both together', () => {
    const models = [
      { kind: 'quick' as const, title: 'Quick', network: null, accuracy: 0.71, labels_version: 1 },
      { kind: 'both' as const, title: 'Both', network: 'tiny', accuracy: 0.75, labels_version: 1 },
    ]
    show({ model: 'both', models })
    expect(textOf(h(InUse, {}))).toBe('Model in useQuick71 %Both together75 %')
  })
})

describe('a state that was overtaken', () => {
  it('does not replace a newer one', () => {
    show({ as_of: 2, count: 10 })
    show({ as_of: 1, count: 9 })
    expect(onScreen.value?.count).toBe(10)
    show({ as_of: 3, count: 11 })
    expect(onScreen.value?.count).toBe(11)
  })
})

describe('Vary opacity', () => {
  it('is on before the predictions of the model just trained have come, and fades the photos when they come', async () => {
    const api = new CollectionApi('c')
    const said = { version: '1', names: ['front', 'rear'], codes: Int16Array.from([0, 0, 1, 1, 0, 1]) }
    api.predictions = async () => ({ ...said, probability: Float32Array.from([0.99, 0.6, 0.92, 0.5, 0.95, 0.7]) })
    setApi(api)
    runCommand(COMMANDS.opacity)
    expect([opacity.value.on, messages.value.map(({ text }) => text)]).toEqual([
      false,
      ['Train first: then photos that the model is sure of can be faded.'],
    ])
    dismiss(messages.value[0]!.id)
    show({ report: report() })
    runCommand(COMMANDS.opacity)
    expect([opacity.value.on, messages.value, alpha.value]).toEqual([true, [], null])
    await loadPredictions()
    expect([...alpha.value!].map((a) => a < 1)).toEqual([true, false, true, false, true, false])
    runCommand(COMMANDS.opacity)
    expect(alpha.value).toBeNull()
  })
})
