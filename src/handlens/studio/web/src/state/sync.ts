// Opens a collection and keeps the page in step with the server: it listens to the event stream, reconnects
// after a break, and saves what the person looks at a moment after it changes.

import { effect } from '@preact/signals'
import { CollectionApi } from '../server/api'
import { ApiError } from '../server/http'
import type { CollectionState, ServerEvent } from '../server/types'
import { number } from '../text/format'
import { answering } from './answering'
import { sendBatchOnLeaving } from './batch'
import {
  api,
  collection,
  connected,
  loadPhotos,
  replaceCollection,
  replacePhotos,
  setApi,
  setConnected,
  setFatal,
  setFolderGone,
  updateCollection,
  updatePrepared,
} from './collection'
import { looked, looking } from './everywhere'
import { keepSelection, restoreSelection } from './kept-selection'
import { keepView, takeKeptView } from './kept-view'
import { fetchLabels, labels, openLabels, takeLabels } from './labels'
import { bettered, fillTable, forgetProgress, loadMap, photosPending, progressed, setPhotosPending } from './maps'
import { announce, attempt, sentenceOf } from './messages'
import { loadPredictions, predicted, predictions, report, sayFineTuned, trained } from './model'
import { loadScores, searched } from './separation'
import { sendOnLeaving } from './spot-check'
import { refreshTruth } from './truth'
import { currentView, lookAtWhatExists, projection, restoreView } from './view'

/** The HTTP status of a collection whose folder of photos is gone. */
const FOLDER_GONE = 410

export async function open(id: string): Promise<void> {
  setApi(new CollectionApi(id))
  try {
    const [state, found, named] = await Promise.all([api.state(), api.photos(), api.labels()])
    replacePhotos(found)
    restoreSelection(id, state.count)
    if ('codes' in named) openLabels(named)
    restoreView(takeKeptView(id) ?? state.view ?? {})
    takeState(state)
    document.title = `${state.name} – handlens Studio`
  } catch (error) {
    setFolderGone(error instanceof ApiError && error.status === FOLDER_GONE)
    setFatal(sentenceOf(error))
    return
  }
  listen()
  // After a night or without a network the stream may be dead, and nothing tells the page so.
  addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return
    listen()
    refreshTruth() // another tab or program may have kept labels aside
  })
  addEventListener('online', () => listen())
  saveView()
  if (report.value) void attempt(loadPredictions)
}

/** Takes the server's state of the collection, and fetches what has changed. */
function takeState(state: CollectionState): void {
  const before = collection.value
  // This tab has asked for more photos, and starts afresh when it knows which they are.
  if (looking.value && before?.id === state.id && before.count !== state.count) return
  if (!replaceCollection(state)) return
  // All that the page holds has a place for each photo: with more photos it starts afresh.
  if (before && before.id === state.id && before.count !== state.count) {
    location.reload()
    return
  }
  api.usePhotos(state.photos_version)
  const moved = lookAtWhatExists()
  const more = state.layers.length !== before?.layers.length || state.projections.length !== before.projections.length
  if (moved || more || state.maps_version !== before?.maps_version) mapsChanged()
  if (before && (state.left_out !== before.left_out || state.photos_version !== before.photos_version)) photosChanged()
  if (before?.preparation.running && !state.preparation.running) {
    announce(state.preparation.phase === 'done' ? 'All photos are prepared' : 'Preparing has stopped')
    photosChanged()
  }
  if (before?.fine_tuning.running && !state.fine_tuning.running) sayFineTuned(state)
  if (state.labels_version > labels.value.version) void fetchLabels(state.labels_version)
}

/** At most one run of `work` in `wait` ms, and always one after the last call. */
export function throttled(work: () => Promise<void>, wait: number): () => void {
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

/** Fetches the map again, and before it the list of photos if that has changed too: a map lies over its photos. */
const mapsChanged = throttled(async () => {
  if (photosPending.value) {
    const before = announcements
    await attempt(loadPhotos)
    // If more was announced in the meantime, this runs again.
    if (before === announcements) setPhotosPending(false)
  }
  await loadMap()
  void fillTable()
}, 1500)

let announcements = 0
function photosChanged(): void {
  announcements++
  setPhotosPending(true)
  mapsChanged()
}

let namesSeen: string | null = null
const labelsChanged = throttled(async () => {
  const names = JSON.stringify(labels.value.names.map((l) => l.name))
  // What is predicted is called as the labels are now.
  if (predictions.value && namesSeen !== null && names !== namesSeen) await loadPredictions().catch(() => undefined)
  namesSeen = names
  await loadScores()
  refreshTruth()
  if (projection.value === 'labels' || projection.value === 'separate') await loadMap()
  void fillTable()
}, 1000)

// A model was trained, or another one is used.
effect(() => {
  if (predictions.value) refreshTruth()
})

effect(() => {
  if (labels.value.version >= 0) api.useLabels(labels.value)
})

let labelsSeen = -2
effect(() => {
  const version = labels.value.version
  // Each answer is a label: what follows from labels is brought up to date after the last one.
  if (version === labelsSeen || version < 0 || answering.value) return
  labelsSeen = version
  labelsChanged()
})

/** The state as this stream last described it: its changes are told from that one, whatever answers said meanwhile. */
let streamed: CollectionState | null = null

let lastAnnounced = 0
function takeEvent(event: ServerEvent): void {
  switch (event.kind) {
    case 'state':
      streamed = event.state
      takeState(streamed)
      break
    case 'changes':
      if (!streamed) break
      streamed = { ...streamed, ...event.changes, as_of: event.as_of }
      takeState(streamed)
      break
    case 'labels':
      if (event.labels) takeLabels(event.labels)
      else void fetchLabels(event.version)
      break
    case 'maps':
      updateCollection({ maps_version: event.version })
      updatePrepared(event.prepared)
      if (Date.now() - lastAnnounced > 10_000) {
        lastAnnounced = Date.now()
        announce(`${number(event.prepared)} photos prepared`)
      }
      photosChanged()
      break
    case 'map':
      bettered(event.layer, event.projection)
      break
    case 'work': {
      const doing = { share: event.done / event.total, secondsLeft: event.seconds_left }
      if (event.task === 'train') trained(doing)
      else if (event.task === 'predict') predicted(doing)
      else if (event.task === 'separate') searched(doing)
      else if (event.task === 'search') looked(doing)
      else progressed(event.layer!, event.projection!, doing)
      break
    }
    case 'predictions':
      if (event.version !== predictions.value?.version) void loadPredictions().catch(() => undefined)
      break
  }
}

let heard: EventSource | null = null

/** Listens to a new stream, which begins with the state and the labels, in place of the one before. */
function listen(wait = 1000): void {
  heard?.close()
  const stream = new EventSource(api.events())
  heard = stream
  streamed = null
  stream.onopen = () => {
    if (!connected.value) {
      setConnected(true)
      announce('Connected again')
      void catchUp()
    }
    wait = 1000
  }
  stream.onmessage = (message) => takeEvent(api.event(message.data as string))
  stream.onerror = () => {
    setConnected(false)
    // A closed stream does not come back by itself (a broken one does).
    if (stream.readyState === EventSource.CLOSED) void listenAgain(stream, wait)
  }
}

async function listenAgain(after: EventSource, wait: number): Promise<void> {
  try {
    await api.state()
  } catch (error) {
    // The collection itself is gone, forgotten in another tab: waiting for it is useless.
    if (error instanceof ApiError && error.status === 404) return setFatal(error.message)
  }
  setTimeout(() => {
    if (heard === after) listen(Math.min(wait * 2, 15_000))
  }, wait)
}

/** Fetches what may have been missed while the stream was broken. */
async function catchUp(): Promise<void> {
  forgetProgress()
  await attempt(async () => {
    takeLabels(await api.labels())
    await loadPhotos()
    takeState(await api.state())
    await loadMap() // one that could not be fetched, too
  })
}

function saveView(): void {
  let saved = JSON.stringify(currentView())
  let timer: ReturnType<typeof setTimeout> | undefined
  effect(() => {
    const text = JSON.stringify(currentView())
    clearTimeout(timer)
    if (text === saved) return
    timer = setTimeout(() => {
      // The person is not interrupted because a view is not saved: the next change saves it again.
      api.saveView(currentView()).then(
        () => {
          saved = text
        },
        () => undefined,
      )
    }, 800)
  })
  addEventListener('visibilitychange', () => keepSelection(api.id))
  addEventListener('pagehide', () => {
    keepSelection(api.id)
    if (JSON.stringify(currentView()) !== saved) {
      keepView(api.id, currentView())
      api.saveViewOnLeaving(currentView())
    }
    sendOnLeaving()
    sendBatchOnLeaving()
  })
}
