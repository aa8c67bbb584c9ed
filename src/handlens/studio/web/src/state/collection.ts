// What the labelling screen knows. Signals only: whatever changes them is in actions.ts,
// maps.ts, review.ts and live.ts.

import { computed, signal } from '@preact/signals'
import { CollectionApi } from '../server/api'
import type {
  Camera,
  CollectionState,
  Labels,
  Layer,
  Photos,
  Predictions,
  Projection,
  Report,
  Scores,
  Shown,
} from '../server/types'
import { countOf, sample } from './masks'

/** Set once, when the labelling screen opens. */
export let api: CollectionApi
export const setApi = (to: CollectionApi): void => {
  api = to
}

// From the server
export const collection = signal<CollectionState | null>(null)
export const photos = signal<Photos | null>(null)
export const labels = signal<Labels>({ version: -1, names: [], codes: new Int16Array(0), undo: null, redo: null })
export const scores = signal<Scores | null>(null)
export const report = signal<Report | null>(null)
export const predictions = signal<Predictions | null>(null)
/** The collection could not be opened: why. */
export const fatal = signal<string | null>(null)
export const connected = signal(true)

// Where the person is
export const layer = signal('')
export const projection = signal('')
export const shown = signal<Shown>(500)
export const camera = signal<Camera | null>(null)
export const tool = signal<'pan' | 'lasso' | 'box'>('pan')
export const opacity = signal({ on: false, threshold: 0.9 })
export const table = signal<'shown' | 'hidden' | 'wide'>('shown')
export const selected = signal<Uint8Array>(new Uint8Array(0))
/** The labels picked for separating, merging or deleting. */
export const picked = signal<ReadonlySet<string>>(new Set())
export const hovered = signal(-1)

// Work under way
export const saving = signal<'saved' | 'saving' | 'unsaved'>('saved')
export const training = signal(false)
export const fineTuning = computed(() => collection.value?.fine_tuning.running ?? false)
export const separating = signal(false)
export const searching = signal(false)

// Derived
export const count = computed(() => collection.value?.count ?? 0)
export const prepared = computed(() => photos.value?.prepared ?? 0)
/** In the order of the light table, which the keys follow: all that say *what*, first to last, then all *where*. */
export const layers = computed<Layer[]>(() => {
  const all = collection.value?.layers ?? []
  return [...all.filter((l) => l.pooling === 'what'), ...all.filter((l) => l.pooling === 'where')]
})
export const projections = computed<Projection[]>(() => collection.value?.projections ?? [])
export const selectedCount = computed(() => countOf(selected.value))
export const labelledCount = computed(() => labels.value.names.reduce((n, l) => n + l.count, 0))
export const currentLayer = computed(() => layers.value.find((l) => l.id === layer.value))
export const currentProjection = computed(() => projections.value.find((p) => p.id === projection.value))
export const shownMask = computed(() =>
  photos.value ? sample(photos.value.order, shown.value, count.value) : new Uint8Array(0),
)
/** Labels have changed since the model was trained. */
export const reportIsOld = computed(() => report.value !== null && report.value.labels_version !== labels.value.version)

/** Opacity by id: what the model is surer of than the threshold is faded. Null: nothing is. */
export const alpha = computed<Float32Array | null>(() => {
  const { on, threshold } = opacity.value
  const said = predictions.value
  if (!on || !said) return null
  return Float32Array.from(said.probability, (p) => (p >= threshold ? FADED : 1))
})
export const FADED = 0.12
export const fadedCount = computed(() => alpha.value?.reduce((n, a) => n + (a < 1 ? 1 : 0), 0) ?? 0)

/** Labelled photos from which a label no longer counts as thin, as in the training report. */
export const ENOUGH = 10

/** Networks number their stages from 0, people from 1. */
export const stageOf = (of: Layer): string => (/^\d+$/.test(of.stage) ? String(Number(of.stage) + 1) : of.stage)

/** What the page calls a layer among those of its source. */
export const shortTitleOf = (of: Layer): string =>
  `${/^\d+$/.test(of.stage) ? `stage ${stageOf(of)}` : of.stage} · ${of.pooling}`

/** What the page calls a layer: with its source only where there are several. */
export function titleOf(of: Layer): string {
  const several = new Set(layers.value.map((l) => l.source)).size > 1
  const source = collection.value?.sources.find((s) => s.name === of.source)?.title ?? of.source
  return several ? `${source} · ${shortTitleOf(of)}` : shortTitleOf(of)
}

export const labelOf = (id: number): string | null => labels.value.names[labels.value.codes[id] ?? -1]?.name ?? null
export const nameOf = (id: number): string => photos.value?.paths[id] ?? `photo ${id}`
