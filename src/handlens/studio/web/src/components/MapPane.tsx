// The map, and over it: layer and projection, tools, the selection, progress and errors.

import { effect, signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { type Insets, MapView } from '../map'
import type { Layer } from '../server/types'
import {
  api,
  collection,
  count,
  layers,
  nameOf,
  photos,
  prepared,
  projections,
  shortTitleOf,
  titleOf,
} from '../state/collection'
import { coloured } from '../state/colours'
import { openDialog } from '../state/dialogs'
import { cancelLooking, hasMore, looking } from '../state/everywhere'
import { labelOf } from '../state/labels'
import { mapView, setMapView } from '../state/map-view'
import {
  anyPlaced,
  cancelMap,
  drawn,
  goOn,
  halted,
  keyOf,
  loadMap,
  mapError,
  mapLoading,
  mapPending,
  positions,
  working,
} from '../state/maps'
import { announce } from '../state/messages'
import { alpha, cancelPredicting, cancelTraining, predictingDone, predictions, trainingDone } from '../state/model'
import { review } from '../state/review'
import { isNarrow } from '../state/screen'
import { clearSelection, select, selectPhoto } from '../state/selecting'
import { selected, selectedCount } from '../state/selection'
import { cancelSeparating, separatingDone } from '../state/separation'
import { isDark } from '../state/theme'
import {
  camera,
  hovered,
  isSpread,
  layer,
  photoSize,
  projection,
  setCamera,
  setHovered,
  shownMask,
  tool,
} from '../state/view'
import { duration, number, percent, photos as photosText } from '../text/format'
import { CommandButton } from './Button'
import { NothingFound } from './FilterBar'
import { Legend } from './Legend'
import { MapLooks } from './MapLooks'

const moving = signal(false)

export function MapPane(): JSX.Element {
  const host = useRef<HTMLDivElement>(null)
  useEffect(() => connect(host.current!), [])
  return (
    <main
      class="map-pane"
      aria-label="Map of photos"
      aria-busy={mapPending.value || moving.value}
      tabIndex={-1}
      id="map"
    >
      <div
        class="map-host"
        id="photos"
        ref={host}
        data-tool={tool.value}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it has keys of its own, as "application" says
        tabIndex={0}
        role="application"
        aria-label="Photos on the map"
        aria-describedby="map-keys"
        onKeyDown={(event) => {
          if (!mapView.value?.key(event)) return
          event.preventDefault()
          event.stopPropagation()
        }}
        onBlur={() => mapView.value?.leaveCrosshair()}
        // A click gives the focus to the pane, so that the arrow keys go on changing the map.
        onMouseDown={(event) => {
          event.preventDefault()
          document.getElementById('map')?.focus({ preventScroll: true })
        }}
      />
      <Where />
      <div class="map-tools" data-over-map role="toolbar" aria-label="Map tools" aria-orientation="vertical">
        <CommandButton command="pan" icon="pan" on={tool.value === 'pan'} />
        <CommandButton command="lasso" icon="lasso" on={tool.value === 'lasso'} />
        <CommandButton command="box" icon="box" on={tool.value === 'box'} />
        <CommandButton command="all" icon="all" />
        <hr />
        <CommandButton command="zoomIn" icon="plus" />
        <CommandButton command="zoomOut" icon="minus" />
        <CommandButton command="fit" icon="fit" />
        {hasMore.value && <CommandButton command="moreHere" icon="layers" busy={looking.value !== null} />}
      </div>
      <MapLooks />
      <Middle />
      <NothingFound />
      <Legend />
      <div class="map-foot">
        <p class="map-keys" id="map-keys">
          {tool.value === 'pan' ? (
            <>
              <kbd>B</kbd> selects a region by keys
            </>
          ) : (
            <>
              Arrow keys move the crosshair, <kbd>Space</kbd> sets a corner, <kbd>Enter</kbd> selects
            </>
          )}
        </p>
        <UnderWay />
        <Hovered />
        <SelectionBar />
      </div>
    </main>
  )
}

/** Creates the map and updates it whenever a signal changes. */
function connect(host: HTMLElement): () => void {
  const found = photos.value!
  const view = new MapView(
    host,
    { count: count.value, order: found.order, aspect: found.aspect },
    {
      sheet: (k, n) => api.sheet(k, n),
      tiles: (rows) => api.tiles(rows),
      thumb: (id) => api.thumb(id),
      square: (at, look) => {
        const { layer: l, projection: p } = drawn.peek() ?? { layer: layer.peek(), projection: projection.peek() }
        return api.square(at, l, p, look)
      },
    },
    {
      select,
      clear: clearSelection,
      pick: selectPhoto,
      hover: (id) => setHovered(id),
      open: (id) => openDialog({ kind: 'photo', id }),
      camera: (to) => setCamera(to),
      boxed: (photos) => announce(`${photosText(photos)} in the box`),
      moving: (on) => (moving.value = on),
    },
    () => insetsOf(host),
  )
  setMapView(view)
  // Tests in a browser reach the map through its element.
  Object.assign(host, { map: view })
  let placed = false
  const stops = [
    effect(() => view.setTheme(isDark())),
    effect(() => view.setAspect(photos.value!.aspect)),
    effect(() => view.setPrepared(prepared.value)),
    effect(() => view.setShown(shownMask.value)),
    effect(() => {
      const { rgb, marks } = coloured.value
      view.setColours(rgb, marks)
    }),
    effect(() => view.setSelected(selected.value)),
    effect(() => view.setAlpha(alpha.value)),
    effect(() => view.setTool(tool.value)),
    effect(() => view.setSize(photoSize.value)),
    effect(() => view.setSpread(isSpread.value)),
    effect(() => {
      const xy = positions.value
      if (!xy) return
      view.setPositions(xy, placed)
      if (placed || !anyPlaced.value) return
      placed = true
      const saved = camera.peek()
      if (saved) view.camera = saved
      else view.fit()
    }),
  ]
  return () => {
    for (const stop of stops) stop()
    setMapView(null)
    moving.value = false
    view.destroy()
  }
}

/** Which map is on the screen, with a button for each of the arrow keys, and which one is on its way. */
function Where(): JSX.Element {
  const title = isNarrow.value ? shortTitleOf : titleOf
  const onScreen = drawn.value ?? { layer: layer.value, projection: projection.value }
  const shownLayer = layers.value.find((l) => l.id === onScreen.layer)
  const coming = comingText(onScreen, { layer: layer.value, projection: projection.value }, title)
  return (
    <div class="where" data-over-map role="group" aria-label="Layer and projection">
      <span class="stepper">
        <CommandButton command="previousLayer" icon="left" />
        <b>{shownLayer ? title(shownLayer) : 'No layer yet'}</b>
        <CommandButton command="nextLayer" icon="right" />
      </span>
      <span class="stepper">
        <CommandButton command="previousProjection" icon="up" />
        <b>{projectionTitle(onScreen.projection)}</b>
        <CommandButton command="nextProjection" icon="down" />
      </span>
      {coming && <span class="coming">{coming}</span>}
      <i class={`loading ${mapLoading.value ? 'on' : ''}`} aria-hidden="true" />
    </div>
  )
}

const projectionTitle = (id: string): string => projections.value.find((p) => p.id === id)?.title ?? ''

interface At {
  layer: string
  projection: string
}

/** Names what differs between the map that was asked for and the one on the screen; null if nothing does. */
function comingText(onScreen: At, wanted: At, title: (of: Layer) => string): string | null {
  const of = layers.value.find((l) => l.id === wanted.layer)
  const parts = [
    of && wanted.layer !== onScreen.layer ? title(of) : '',
    wanted.projection !== onScreen.projection ? projectionTitle(wanted.projection) : '',
  ].filter(Boolean)
  return parts.length > 0 ? `${parts.join(' · ')} coming…` : null
}

/** Shown in the middle while there is no map to see. */
function Middle(): JSX.Element | null {
  if (mapError.value !== null) {
    return (
      <div class="middle" role="alert">
        <p>{mapError.value}</p>
        <button type="button" class="button filled" onClick={() => void loadMap()}>
          Try again
        </button>
      </div>
    )
  }
  if (anyPlaced.value) return null
  const state = collection.value!
  if (state.count === 0) {
    return (
      <div class="middle">
        <p>There are no photos Studio can use in this folder.</p>
        {state.left_out > 0 && (
          <button type="button" class="button filled" onClick={() => openDialog({ kind: 'left-out' })}>
            See the {number(state.left_out)} files left out, with reasons
          </button>
        )}
      </div>
    )
  }
  const { preparation } = state
  const first = Math.min(500, state.count)
  return (
    <div class="middle">
      <p>
        {preparation.running
          ? `The first map appears after ${first === state.count ? 'all' : ''} ${number(first)} ${first === state.count ? '' : 'random '}photos.`
          : mapLoading.value
            ? 'Loading the map…'
            : 'No map yet: the photos have to be prepared first.'}
      </p>
      {preparation.running && (
        <progress value={Math.min(preparation.done, first)} max={first} aria-label="Until the first map" />
      )}
    </div>
  )
}

/** What takes the server seconds, with the time left; a map can be left for the one on the screen. */
function UnderWay(): JSX.Element {
  const key = keyOf(layer.value, projection.value)
  const arranging = working.value.get(key)
  return (
    <>
      {!arranging && halted.value.has(key) && (
        <div class="doing" role="group" aria-label="Neighbours half arranged">
          <span>Neighbours are not fully arranged</span>
          <button type="button" class="button small" onClick={goOn}>
            Go on
          </button>
        </div>
      )}
      {arranging && <Doing name="Arranging neighbours" of={arranging} cancel={cancelMap} />}
      {looking.value && <Doing name="Looking through all photos" of={looking.value} cancel={cancelLooking} />}
      {trainingDone.value && <Doing name="Training" of={trainingDone.value} cancel={cancelTraining} />}
      {predictingDone.value && <Doing name="Predicting" of={predictingDone.value} cancel={cancelPredicting} />}
      {separatingDone.value && <Doing name="Separating" of={separatingDone.value} cancel={cancelSeparating} />}
    </>
  )
}

interface DoingProps {
  name: string
  of: { share: number; secondsLeft: number | null }
  cancel: () => Promise<void>
}

function Doing({ name, of, cancel }: DoingProps): JSX.Element {
  return (
    <div class="doing" role="group" aria-label={name}>
      <progress value={of.share} aria-label={name} />
      <span>
        {name}
        {of.secondsLeft !== null && ` · ${duration(of.secondsLeft)} left`}
      </span>
      <button type="button" class="button small" onClick={() => void cancel()}>
        Cancel
      </button>
    </div>
  )
}

function Hovered(): JSX.Element | null {
  const id = hovered.value
  if (id < 0 || isNarrow.value) return null
  const label = labelOf(id)
  const said = predictions.value
  const code = said?.codes[id] ?? -1
  return (
    <div class="hovered" aria-hidden="true">
      {nameOf(id)}
      {label !== null && <b> · {label}</b>}
      {said && code >= 0 && label === null && (
        <span>
          {' '}
          · predicted {said.names[code]}, {percent(said.probability[id]!)}
        </span>
      )}
    </div>
  )
}

function SelectionBar(): JSX.Element | null {
  const n = selectedCount.value
  if (n === 0) return null
  return (
    <div class="selection-bar" role="group" aria-label="Selection">
      <b>{number(n)} selected</b>
      <CommandButton command="review" icon="grid" on={review.value !== null}>
        Review
      </CommandButton>
      <CommandButton command="unlabel" icon="tag">
        Remove label
      </CommandButton>
      <CommandButton command="clear" icon="close" />
    </div>
  )
}

/** How much of the map lies under what is laid over its edges, with some air. */
function insetsOf(host: HTMLElement): Insets {
  const insets = { top: 0, right: 0, bottom: 0, left: 0 }
  const map = host.getBoundingClientRect()
  const air = 8
  for (const over of host.parentElement!.querySelectorAll('[data-over-map]')) {
    const box = over.getBoundingClientRect()
    if (box.width === 0) continue
    if (box.height > box.width) {
      if (box.left - map.left < map.right - box.right) insets.left = Math.max(insets.left, box.right - map.left + air)
      else insets.right = Math.max(insets.right, map.right - box.left + air)
    } else if (box.top - map.top < map.bottom - box.bottom) {
      insets.top = Math.max(insets.top, box.bottom - map.top + air)
    } else {
      insets.bottom = Math.max(insets.bottom, map.bottom - box.top + air)
    }
  }
  return insets
}
