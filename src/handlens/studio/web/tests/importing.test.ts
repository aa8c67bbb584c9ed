import { beforeEach, expect, it, vi } from 'vitest'
import type { CollectionApi } from '../src/server/api'
import type { ImportOrder, ImportPlan, ImportSource, Truth } from '../src/server/types'
import { named } from './made'

vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }))
vi.stubGlobal('localStorage', { getItem: () => null })
vi.stubGlobal('document', { documentElement: { dataset: {} } })
vi.stubGlobal('addEventListener', () => undefined)

const planned = (digest: string, of: Partial<ImportPlan> = {}): ImportPlan =>
  ({
    name: 'labels.csv',
    choices: { label_column: ['site', 'animal'] },
    counts: { matched: 2, new: 2, changes: 0, same: 0, conflicting: 0, unmatched: 0 },
    digest,
    imported: null,
    ...of,
  }) as ImportPlan

/** Answers that a test gives one by one, in the order that it wants. */
let waiting: { what: ImportSource; answer: (plan: ImportPlan) => void; fail: (error: Error) => void }[]
let ordered: ImportOrder[]
let order: () => Promise<ImportPlan>
let importing: typeof import('../src/state/importing')
let messages: typeof import('../src/state/messages')
let ApiError: typeof import('../src/server/http').ApiError
let dialogs: typeof import('../src/state/dialogs')

beforeEach(async () => {
  vi.resetModules()
  waiting = []
  ordered = []
  order = () => Promise.resolve(planned('a', { imported: 2 }))
  const collection = await import('../src/state/collection')
  collection.setApi({
    planImport: (what: ImportSource) => new Promise((answer, fail) => waiting.push({ what, answer, fail })),
    importLabels: (what: ImportOrder) => {
      ordered.push(what)
      return order()
    },
    labels: () => Promise.resolve(named(2, [0, 0], 'cat')),
    truth: () => Promise.resolve({ name: 'labels.csv', labels: 2 } as Truth),
  } as unknown as CollectionApi)
  importing = await import('../src/state/importing')
  ApiError = (await import('../src/server/http')).ApiError
  messages = await import('../src/state/messages')
  dialogs = await import('../src/state/dialogs')
  dialogs.openDialog({ kind: 'import' })
})

const settled = () => new Promise((done) => setTimeout(done))

async function shown(digest: string): Promise<void> {
  importing.choose({ path: '/labels.csv' })
  await settled()
  waiting[0]!.answer(planned(digest))
  await settled()
}

it('shows the answer to the latest choice, whatever arrives last', async () => {
  await shown('a')
  importing.chooseValue('label_column', 'animal')
  await settled()
  importing.chooseValue('label_column', 'site')
  await settled()
  expect(waiting.map(({ what }) => what.choices)).toEqual([{}, { label_column: 'animal' }, { label_column: 'site' }])
  waiting[2]!.answer(planned('site'))
  await settled()
  waiting[1]!.answer(planned('animal'))
  await settled()
  expect([importing.plan.value?.digest, importing.reading.value]).toEqual(['site', null])
})

it('keeps what may be chosen after a choice that cannot be read', async () => {
  await shown('a')
  importing.chooseValue('label_column', 'animal')
  await settled()
  waiting[1]!.fail(new Error('There is nothing in it.'))
  await settled()
  expect([importing.plan.value, importing.problem.value]).toEqual([null, 'There is nothing in it.'])
  expect(importing.offered.value).toEqual({ label_column: ['animal', 'site'] })
})

it('imports what was shown, and says so', async () => {
  await shown('a')
  await importing.importShown()
  expect(ordered).toMatchObject([{ digest: 'a', replace: false, as_truth: false }])
  expect(messages.messages.value).toMatchObject([
    { text: '2 labels imported from labels.csv.', actions: [{ name: 'Undo' }] },
  ])
  expect(dialogs.dialog.value).toBe(null)
})

it('shows what it would be now, if that has changed', async () => {
  await shown('a')
  order = () => Promise.reject(new ApiError('The labels have changed.', 409))
  const done = importing.importShown()
  await settled()
  waiting[1]!.answer(planned('b'))
  await done
  expect([importing.plan.value?.digest, importing.changed.value]).toEqual(['b', 'The labels have changed.'])
  expect([messages.messages.value, dialogs.dialog.value]).toEqual([[], { kind: 'import' }])
})

it('says that labels have changed only where it matters', async () => {
  await shown('a')
  void importing.look('Counted again.')
  await settled()
  waiting[1]!.answer(planned('a'))
  await settled()
  expect(importing.changed.value).toBe(null)
  void importing.look('Counted again.')
  await settled()
  waiting[2]!.answer(planned('b'))
  await settled()
  expect(importing.changed.value).toBe('Counted again.')
})

it('says in a message what failed after the dialog was closed', async () => {
  await shown('a')
  order = async () => {
    dialogs.closeDialog()
    importing.leave()
    throw new ApiError('The disk is full.', 507)
  }
  await importing.importShown()
  expect(messages.messages.value).toMatchObject([{ kind: 'error', text: 'Not imported: The disk is full.' }])
  expect(importing.from.value).toBe(null)
})

it('keeps labels aside', async () => {
  await shown('a')
  importing.setWay({ replace: false, asTruth: true })
  await importing.importShown()
  expect(ordered).toMatchObject([{ as_truth: true }])
  expect(messages.messages.value).toMatchObject([
    { text: '2 labels from labels.csv are kept aside. The panel “Model” says how often the model is right on them.' },
  ])
})
