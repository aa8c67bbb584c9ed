// Reports, checks and collections for tests: what matters is given, the rest is made up.

import type { CollectionState, HistoryPoint, Labels, Report, SpotCheck } from '../src/server/types'

export const report = (of: Partial<Report> = {}): Report => ({
  kind: 'quick',
  accuracy: null,
  low: null,
  high: null,
  guess: null,
  reason: 'Nothing is checked yet.',
  checked: 0,
  unsure: 0,
  low_of_all: null,
  high_of_all: null,
  unlabelled: 834,
  n_labelled: 66,
  n_by_model: 0,
  n_photos: 900,
  layers: ['fine what'],
  per_class: [],
  confusion: { names: [], counts: [] },
  calibration_error: null,
  warnings: [],
  labels_version: 1,
  seconds: 0.4,
  network: null,
  outcome: '',
  ...of,
})

export const checkedReport = (of: Partial<Report> = {}): Report =>
  report({ accuracy: 0.71, low: 0.62, high: 0.79, reason: '', checked: 30, calibration_error: 0.04, ...of })

export const spotCheck = (of: Partial<SpotCheck> = {}): SpotCheck => ({
  waiting: [],
  answered: 0,
  unsure: 0,
  none_of_these: [],
  gone: 0,
  left: 834,
  ...of,
})

export const collection = (of: Partial<CollectionState> = {}): CollectionState =>
  ({
    count: 6,
    report: null,
    models: [],
    comparisons: [],
    finished: 0,
    spot_check: spotCheck(),
    ...of,
  }) as CollectionState

export const named = (version: number, codes: number[], ...names: string[]): Labels => ({
  version,
  last_by_person: version,
  names: names.map((name, i) => ({ name, count: codes.filter((c) => c === i).length, gestures: 20, colour: i })),
  codes: Int16Array.from(codes),
  undo: null,
  redo: null,
})

export const point = (of: Partial<HistoryPoint> = {}): HistoryPoint => ({
  at: '2026-01-01T10:00:00Z',
  kind: 'quick',
  n_labelled: 20,
  accuracy: null,
  low: null,
  high: null,
  guess_low: null,
  guess_high: null,
  checked: 0,
  unsure: 0,
  sentence: '',
  ...of,
})
