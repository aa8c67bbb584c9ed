// Opens a collection and keeps the page in step with the server: an event stream, joined again
// after a break, and the person's place saved a moment after it changes.

import { effect } from '@preact/signals'
import { CollectionApi, decodeEvent } from '../server/api'
import { ApiError } from '../server/http'
import type { CollectionState, ServerEvent, View } from '../server/types'
import { number } from '../text/format'
import {
  api,
  camera,
  collection,
  connected,
  fatal,
  labels,
  layer,
  layers,
  opacity,
  photos,
  predictions,
  projection,
  projections,
  report,
  scores,
  selected,
  setApi,
  shown,
  table,
} from './collection'
import { fineTuned, takeLabels } from './labels'
import { fillTable, loadMap, photosPending, progressed } from './maps'
import { announce, attempt, sentenceOf } from './messages'

export async function open(id: string): Promise<void> {
  setApi(new CollectionApi(id))
  try {
    const [state, found, named] = await Promise.all([api.state(), api.photos(), api.labels()])
    selected.value = new Uint8Array(state.count)
    photos.value = found
    takeLabels(named)
    restore(state.view ?? {})
    takeState(state)
    document.title = `${state.name} – handlens Studio`
  } catch (error) {
    fatal.value = sentenceOf(error)
    return
  }
  listen()
  keepView()
  if (report.value) void attempt(async () => void (predictions.value = await api.predictions()))
}

function restore(view: View): void {
  if (view.layer) layer.value = view.layer
  if (view.projection) projection.value = view.projection
  if (view.shown) shown.value = view.shown
  if (view.camera) camera.value = view.camera
  if (view.opacity) opacity.value = view.opacity
  if (view.table) table.value = view.table
}

/** Takes the server's account of the collection, and fetches what it says has changed. */
function takeState(state: CollectionState): void {
  const before = collection.value
  collection.value = state
  report.value = state.report
  const [l, p] = [layer.value, projection.value]
  if (!layers.value.some((known) => known.id === l)) {
    // The middle layers answer most questions: the first see texture, the last only kinds of things.
    layer.value = state.layers[Math.floor(state.layers.length / 2)]?.id ?? ''
  }
  // The maps by label come and go with the labels.
  if (!projections.value.some((known) => known.id === p)) projection.value = projections.value[0]?.id ?? ''
  const moved = layer.value !== l || projection.value !== p
  const more = state.layers.length !== before?.layers.length || state.projections.length !== before.projections.length
  if (moved || more || state.maps_version !== before?.maps_version) mapsChanged()
  if (before && state.left_out !== before.left_out) photosChanged()
  if (before?.preparation.running && !state.preparation.running) {
    announce(state.preparation.phase === 'done' ? 'All photos are prepared' : 'Preparing has stopped')
    photosChanged()
  }
  if (before?.fine_tuning.running && !state.fine_tuning.running) fineTuned(state)
  if (state.labels_version > labels.value.version) void api.labels().then(takeLabels, () => undefined)
}

/** At most one run of `work` in `wait` ms, and always one after the last call. */
export function spaced(work: () => Promise<void>, wait: number): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null
  let again = false
  const run = (): void => {
    again = false
    timer = setTimeout(() => {
      timer = null
      if (again) run()
    }, wait)
    void work()
  }
  return () => {
    if (timer) again = true
    else run()
  }
}

/** Fetches the map anew, and before it which photos there are if they have changed too: a map lies over its photos. */
const mapsChanged = spaced(async () => {
  if (photosPending.value) {
    const told = timesTold
    await attempt(async () => {
      photos.value = await api.photos()
    })
    // Told of more meanwhile, it runs again.
    if (told === timesTold) photosPending.value = false
  }
  await loadMap()
  void fillTable()
}, 1500)

let timesTold = 0
function photosChanged(): void {
  timesTold++
  photosPending.value = true
  mapsChanged()
}

const labelsChanged = spaced(async () => {
  if (labels.value.names.filter((l) => l.count > 1).length < 2) {
    scores.value = null
  } else {
    // A score is a help, not a step: without it the light table only lacks its numbers.
    await api.scores().then(
      (next) => (scores.value = next),
      () => undefined,
    )
  }
  // Labels make and unmake projections: the state lists those there are.
  await api.state().then(takeState, () => undefined)
  if (projection.value === 'labels' || projection.value === 'separate') await loadMap()
  void fillTable()
}, 1000)

let labelsSeen = -2
effect(() => {
  const version = labels.value.version
  if (version === labelsSeen || version < 0) return
  labelsSeen = version
  labelsChanged()
})

let lastSaid = 0
function takeEvent(event: ServerEvent): void {
  switch (event.kind) {
    case 'state':
      return takeState(event.state)
    case 'labels':
      return takeLabels(event.labels)
    case 'maps':
      if (collection.value) collection.value = { ...collection.value, maps_version: event.version }
      if (photos.value && event.prepared > photos.value.prepared) {
        photos.value = { ...photos.value, prepared: event.prepared }
      }
      if (Date.now() - lastSaid > 10_000) {
        lastSaid = Date.now()
        announce(`${number(event.prepared)} photos prepared`)
      }
      return photosChanged()
    case 'projection':
      return progressed(event.layer, event.projection, event.done / event.total)
    case 'predictions':
      if (event.version !== predictions.value?.version) {
        void api.predictions().then(
          (next) => (predictions.value = next),
          () => undefined,
        )
      }
  }
}

function listen(wait = 1000): void {
  const stream = new EventSource(api.events())
  stream.onopen = () => {
    if (!connected.value) {
      connected.value = true
      announce('Connected again')
      void catchUp()
    }
    wait = 1000
  }
  stream.onmessage = (message) => takeEvent(decodeEvent(message.data as string))
  stream.onerror = () => {
    connected.value = false
    // A closed stream does not come back by itself (a broken one does).
    if (stream.readyState === EventSource.CLOSED) void listenAgain(wait)
  }
}

async function listenAgain(wait: number): Promise<void> {
  try {
    await api.state()
  } catch (error) {
    // The collection itself is gone, forgotten in another tab: waiting for it is no use.
    if (error instanceof ApiError && error.status === 404) return void (fatal.value = error.message)
  }
  setTimeout(() => listen(Math.min(wait * 2, 15_000)), wait)
}

/** What may have been missed while the stream was broken. */
async function catchUp(): Promise<void> {
  await attempt(async () => {
    takeLabels(await api.labels())
    photos.value = await api.photos()
    takeState(await api.state())
  })
}

function keepView(): void {
  const current = (): View => ({
    layer: layer.value,
    projection: projection.value,
    shown: shown.value,
    opacity: opacity.value,
    table: table.value,
    ...(camera.value ? { camera: camera.value } : {}),
  })
  let saved = JSON.stringify(current())
  let timer: ReturnType<typeof setTimeout> | undefined
  effect(() => {
    const text = JSON.stringify(current())
    clearTimeout(timer)
    if (text === saved) return
    timer = setTimeout(() => {
      // Losing one's place is no reason to interrupt: the next change saves it again.
      api.saveView(current()).then(
        () => (saved = text),
        () => undefined,
      )
    }, 800)
  })
  addEventListener('pagehide', () => {
    if (JSON.stringify(current()) !== saved) api.saveViewOnLeaving(current())
  })
}
