import { expect, it } from 'vitest'
import type { ImportPlan } from '../src/server/types'
import { aboutFormat, otherFormats } from '../src/text/export-formats'
import {
  actionText,
  choiceName,
  countRows,
  doneText,
  named,
  nothingText,
  reasonCount,
  reasons,
} from '../src/text/importing'

const NONE = { matched: 0, new: 0, changes: 0, same: 0, conflicting: 0, unmatched: 0 }
const plan = (counts: Partial<ImportPlan['counts']>, of: Partial<ImportPlan> = {}): ImportPlan => ({
  name: 'labels.csv',
  format: 'CSV',
  choices: {},
  labels: [],
  new_labels: [],
  new_labels_count: 0,
  respelled: [],
  unmatched: [],
  conflicting: [],
  changes: [],
  boxes: 0,
  digest: '',
  imported: null,
  ...of,
  counts: { ...NONE, ...counts },
})
const give = { replace: false, asTruth: false }
const replace = { replace: true, asTruth: false }
const aside = { replace: false, asTruth: true }

it('says how many labels a press imports', () => {
  const of = plan({ matched: 1312, new: 1300, changes: 2, same: 10 })
  expect([give, replace, aside].map((way) => actionText(of, way))).toEqual([
    'Import 1,300 labels',
    'Import 1,302 labels',
    'Keep 1,312 labels aside',
  ])
  expect(actionText(plan({ matched: 1, new: 1 }), give)).toBe('Import 1 label')
})

it('says why there is nothing to import', () => {
  const text = (counts: Partial<ImportPlan['counts']>, way = give) => nothingText(plan(counts), way)
  expect(text({ matched: 1, new: 1 })).toBe(null)
  expect(text({ unmatched: 3 })).toBe(
    'No photo of this collection is matched, so nothing can be imported. The reasons are below.',
  )
  expect(text({ conflicting: 3 })).toMatch(/each photo that is matched has several labels in the file/)
  expect(text({ matched: 2, changes: 2 })).toBe(
    'All matched photos have another label already. Replace labels to change them.',
  )
  expect(text({ matched: 2, changes: 2 }, replace)).toBe(null)
  expect(text({ matched: 2, changes: 1, same: 1 })).toMatch(/this one or another/)
  expect(text({ matched: 2, same: 2 }, replace)).toBe('All matched photos have this label already.')
  expect(text({ matched: 2, same: 2 }, aside)).toBe(null)
})

it('counts what is there, and nothing else', () => {
  const of = plan({ matched: 4, new: 1, changes: 1, same: 2, conflicting: 1, unmatched: 2 })
  const rows = (way: typeof give) => countRows(of, way).map(({ n, text }) => `${n} ${text}`)
  expect(rows(give)).toEqual([
    '1 photo without a label until now',
    '1 photo that has another label, which stays',
    '2 photos that have this label already',
    '1 photo with several labels in the file, left out',
    '2 places in the file not used',
  ])
  expect(rows(replace)[1]).toBe('1 photo that has another label, which is replaced')
  expect(rows(aside)).toEqual([
    '4 photos matched, with one label in the file',
    '1 photo with several labels in the file, left out',
    '2 places in the file not used',
  ])
})

it('lists reasons with their places', () => {
  const of = plan(
    { conflicting: 1, unmatched: 1, changes: 1 },
    {
      conflicting: [{ photo: 7, labels: ['cat', 'dog'], where: ['line 2', 'line 3'] }],
      unmatched: [{ where: 'line 4', photo: 'gone.png', label: null, reason: 'has no label' }],
      changes: [{ photo: 8, now: 'cat', label: 'dog' }],
      respelled: [
        { before: ' cat', after: 'cat' },
        { before: 'e\u0301', after: '\u00e9' }, // looks the same
      ],
    },
  )
  const nameOf = (id: number) => `${id}.png`
  expect(reasons(of, give, nameOf)).toEqual([
    {
      where: 'line 2, line 3',
      photo: '7.png',
      label: 'cat, dog',
      reason: 'has several labels in the file, so none is used',
    },
    { where: 'line 4', photo: 'gone.png', label: '', reason: 'has no label' },
    { where: '', photo: '8.png', label: 'dog', reason: 'has the label cat, which is kept' },
    { where: '', photo: '', label: ' cat', reason: 'is kept as “cat”' },
  ])
  expect(reasons(of, replace, nameOf)[2]!.reason).toBe('has the label cat, which is replaced')
  expect(reasons(of, aside, nameOf)).toHaveLength(3)
  expect([reasonCount(of, give), reasonCount(of, aside)]).toEqual([3, 2])
})

it('says what was done', () => {
  expect(doneText(plan({}, { imported: 312 }), give)).toBe('312 labels imported from labels.csv')
  expect(doneText(plan({ conflicting: 1, unmatched: 2 }, { imported: 1 }), aside)).toBe(
    '1 label from labels.csv is kept aside; left out: 1 photo with several labels and 2 places that could not be used',
  )
})

it('writes names for people', () => {
  expect(choiceName('label_column')).toBe('Label column')
  expect(named(['a', 'b'], 2)).toBe('a, b')
  expect(named(['a', 'b'], 1202)).toBe('a, b and 1,200 more')
})

it('has a line for each format, also those of plugins', () => {
  const all = ['spreadsheet', 'folders', 'coco', 'mine'].map((name) => ({ name, title: name, ending: '.x' }))
  expect(otherFormats(all).map(aboutFormat)).toEqual([
    'Images, categories and one annotation for each labelled photo. For pycocotools and most vision tools.',
    'A .x file, by a plugin.',
  ])
})
