// What the person looks at: layer and projection, how many photos, the camera, the tool. The server
// saves most of it (see sync.ts), so that a collection reopens as it was left.

import { computed } from '@preact/signals'
import type { Camera, CollectionState, Colouring, Layer, Shown, View } from '../server/types'
import { collection, count, layers, photos, projections } from './collection'
import type { Bar } from './filter-tree'
import { sample } from './masks'
import { owned } from './owned'

const [layer, setLayer] = owned('')
const [projection, setProjection] = owned('')

export { layer, projection }
export const [shown, setShown] = owned<Shown>(500)
/** Null while the map shows all photos, whatever the size of its pane. */
export const [camera, setCamera] = owned<Camera | null>(null)
export const [tool, setTool] = owned<'pan' | 'lasso' | 'box'>('pan')
/** How large photos are on the map, as a multiple of their usual size. */
export const [photoSize, setPhotoSize] = owned(1)
/** Whether the photos on the map are laid out without overlap. */
export const [isSpread, setIsSpread] = owned(false)
/** Whether photos that the model predicts with at least this probability are faded. */
export const [opacity, setOpacity] = owned({ on: false, threshold: 0.9 })
/** The share of the height that an open review takes from the map, 0 to 1. */
export const [reviewShare, setReviewShare] = owned(0.62)
/** The light table. */
export const [table, setTable] = owned<'shown' | 'hidden' | 'wide'>('shown')
/** What the frames on the map are coloured by. */
export const [colouring, setColouring] = owned<Colouring>({ by: 'label' })
/** The bar of the filter, null while it is closed. */
export const [bar, setBar] = owned<Bar | null>(null)
/** The photos that the map may show because of the filter, one 0/1 byte by id; null for all. */
export const [passing, setPassing] = owned<Uint8Array | null>(null)
/** The photo under the pointer, -1 for none. */
export const [hovered, setHovered] = owned(-1)

export const currentLayer = computed(() => layers.value.find((l) => l.id === layer.value))
export const currentProjection = computed(() => projections.value.find((p) => p.id === projection.value))
/** Which photos are on the map, one 0/1 byte by id. */
export const shownMask = computed(() =>
  photos.value ? sample(photos.value.order, shown.value, count.value, passing.value) : new Uint8Array(0),
)

export function lookAt(l: string, p: string): void {
  setLayer(l)
  setProjection(p)
}

/**
 * The layer to look at first: of the source that was chosen by the photos, else of a network, else of what there is.
 *
 * Of its layers a middle one, which answers most questions: the first see texture, the last only kinds of things.
 */
export function firstLayer(all: readonly Layer[], sources: readonly Named[]): Layer | undefined {
  const rank = ({ name, reason }: Named): number => (reason !== null ? 0 : name === LEARNED ? 2 : 1)
  const withLayers = sources.filter((source) => all.some((l) => l.source === source.name))
  const best = withLayers.toSorted((a, b) => rank(a) - rank(b))[0]
  const own = best ? all.filter((l) => l.source === best.name) : all
  return own[Math.floor(own.length / 2)]
}

type Named = Pick<CollectionState['sources'][number], 'name' | 'reason'>

/** The name of the source whose features are learned on the photos. */
const LEARNED = 'patches'

/** Where the current layer or projection does not exist (any more), takes one that does; says whether it had to. */
export function lookAtWhatExists(): boolean {
  const [l, p] = [layer.value, projection.value]
  if (!layers.value.some((known) => known.id === l)) {
    setLayer(firstLayer(collection.value?.layers ?? [], collection.value?.sources ?? [])?.id ?? '')
  }
  // The maps by label come and go with the labels.
  if (!projections.value.some((known) => known.id === p)) setProjection(projections.value[0]?.id ?? '')
  return layer.value !== l || projection.value !== p
}

export function restoreView(view: View): void {
  if (view.layer) setLayer(view.layer)
  if (view.projection) setProjection(view.projection)
  if (view.shown) setShown(view.shown)
  if (view.camera) setCamera(view.camera)
  if (view.size) setPhotoSize(view.size)
  if (view.spread) setIsSpread(true)
  if (view.opacity) setOpacity(view.opacity)
  if (view.review) setReviewShare(view.review)
  if (view.table) setTable(view.table)
  if (view.colouring) setColouring(view.colouring)
  if (Array.isArray(view.filter?.items)) setBar(view.filter)
}

export const currentView = (): View => ({
  layer: layer.value,
  projection: projection.value,
  shown: shown.value,
  opacity: opacity.value,
  table: table.value,
  size: photoSize.value,
  spread: isSpread.value,
  review: reviewShare.value,
  colouring: colouring.value,
  ...(bar.value ? { filter: bar.value } : {}),
  ...(camera.value ? { camera: camera.value } : {}),
})
