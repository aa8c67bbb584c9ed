// The maps: where each photo lies in a layer and projection. The current one is kept whole, and for
// the light table a sample of each, fetched one after another so that the current one never waits.

import { batch, computed } from '@preact/signals'
import { api, collection, count, layers, photos, projections, titleOf } from './collection'
import { labels } from './labels'
import { announce, attempt, sentenceOf } from './messages'
import { owned } from './owned'
import { layer, lookAt, projection } from './view'

/** The current map, [N, 2] by id; null until it has been fetched. */
const [positions, setPositions] = owned<Float32Array | null>(null)
/** Whether any photo has its place yet: before the first map is fitted, all are NaN. */
export const anyPlaced = computed(() => positions.value?.some((v) => !Number.isNaN(v)) ?? false)
const [mapError, setMapError] = owned<string | null>(null)
const [mapLoading, setMapLoading] = owned(false)
/** The layer and projection of the map in `positions`: while another one is on its way, not those that were asked for. */
const [drawn, setDrawn] = owned<{ layer: string; projection: string } | null>(null)
/** Identifies the map in `positions` and its version on the server. */
const [arrived, setArrived] = owned('')
/** The server has told of photos that the page has not fetched yet. */
export const [photosPending, setPhotosPending] = owned(false)
/** A map has been asked for, or the one on the screen is about to be replaced, or to get more photos. */
export const mapPending = computed(
  () =>
    mapError.value === null &&
    layer.value !== '' &&
    (photosPending.value || mapLoading.value || arrived.value !== identity(layer.value, projection.value)),
)
/** How far work is, 0 to 1, and how long it will take; null while that is unknown. */
export interface Doing {
  share: number
  secondsLeft: number | null
}

/** Whether there is more than a second left of work: what ends sooner is not worth a bar that comes and goes. */
export const takesLong = ({ share, secondsLeft }: Doing): boolean => share < 1 && (secondsLeft ?? 0) > 1
/** How far the server is with a slow projection, by "layer projection"; what there is of it is drawn meanwhile. */
const [working, setWorking] = owned<ReadonlyMap<string, Doing>>(new Map())

/** Takes the server's report on a slow projection. */
export function progressed(l: string, p: string, doing: Doing): void {
  const key = keyOf(l, p)
  const others = [...working.value].filter(([other]) => other !== key)
  setWorking(new Map(doing.share >= 1 ? others : [...others, [key, doing]]))
}

/** Forgets how far work was: the server tells again of what is still under way. */
export const forgetProgress = (): void => setWorking(new Map())

/** Maps, by "layer projection", whose arranging was cancelled before it was over. */
const [halted, setHalted] = owned<ReadonlySet<string>>(new Set())

/** The server has better places of a map: fetches them if it is on the screen, else when it is looked at next. */
export function bettered(l: string, p: string): void {
  const key = keyOf(l, p)
  // Asking for a map that was cancelled would begin it again.
  if (halted.value.has(key)) return
  betters.set(key, (betters.get(key) ?? 0) + 1)
  if (l === layer.value && p === projection.value) void loadMap()
}

/** Stops what the server computes of the map that was asked for, and goes back to the one on the screen. */
export async function cancelMap(): Promise<void> {
  const [l, p] = [layer.value, projection.value]
  if (l === drawn.value?.layer && p === drawn.value.projection) setHalted(new Set(halted.value).add(keyOf(l, p)))
  const back = drawn.value ?? { layer: l, projection: projections.value[0]?.id ?? p }
  goTo(back.layer, back.projection)
  await attempt(() => api.cancelMap(l, p))
}

/** Goes on arranging a map that was cancelled. */
export function goOn(): void {
  const [l, p] = [layer.value, projection.value]
  setHalted(new Set([...halted.value].filter((key) => key !== keyOf(l, p))))
  bettered(l, p)
}

/** A sample of a map for the light table: which photos it draws, and where. */
export interface MapSample {
  ids: Int32Array
  xy: Float32Array
  stamp: string
}
const [miniMaps, setMiniMaps] = owned<ReadonlyMap<string, MapSample | 'failed'>>(new Map())

export { drawn, halted, mapError, mapLoading, miniMaps, positions, working }

const MINI_PHOTOS = 1500
/** The photos that small maps draw. */
export const miniIds = computed(() => photos.value?.order.slice(0, MINI_PHOTOS) ?? new Int32Array(0))
/** Computed only when the person goes there: it takes the server seconds, and other requests would have to wait. */
export const SLOW = 'neighbours'

export const keyOf = (l: string, p: string): string => `${l} ${p}`

/** How often a map got better places. */
const betters = new Map<string, number>()

/** Changes whenever the server would answer with another map. */
function stampOf(l: string, p: string): string {
  const state = collection.value
  const version = state?.maps_version ?? 0
  if (p === 'labels') return `${version}:${labels.value.version}`
  if (p === 'separate') return `${version}:${labels.value.version}:${separations.value}`
  return `${version}:${betters.get(keyOf(l, p)) ?? 0}`
}

const identity = (l: string, p: string): string => `${keyOf(l, p)} ${stampOf(l, p)}`

const [separations, setSeparations] = owned(0)
/** A new separating projection was made: the old one's maps are out of date. */
export const separated = (): void => setSeparations(separations.value + 1)

// The last few whole maps, so that stepping back and forth is instant.
const whole = new Map<string, { stamp: string; xy: Float32Array }>()
const KEEP = { maps: 12, bytes: 2 ** 26 }
/** Of more photos, the light table fetches samples alone. */
const MOST_WHOLE = 20_000

function keep(key: string, stamp: string, xy: Float32Array): void {
  whole.delete(key)
  whole.set(key, { stamp, xy })
  const most = Math.max(2, Math.min(KEEP.maps, Math.floor(KEEP.bytes / Math.max(1, xy.byteLength))))
  while (whole.size > most) whole.delete(whole.keys().next().value!)
  const ids = miniIds.value
  const small = new Float32Array(ids.length * 2)
  ids.forEach((id, i) => {
    small[2 * i] = xy[2 * id]!
    small[2 * i + 1] = xy[2 * id + 1]!
  })
  setMiniMaps(new Map(miniMaps.value).set(key, { ids, xy: small, stamp }))
}

/** Fetches what the light table draws of a map. */
async function fetchMini(l: string, p: string, stamp: string): Promise<void> {
  if (count.value <= MOST_WHOLE) return keep(keyOf(l, p), stamp, await api.map(l, p))
  const xy = await api.mapSample(l, p, MINI_PHOTOS)
  const ids = miniIds.value.subarray(0, xy.length / 2)
  setMiniMaps(new Map(miniMaps.value).set(keyOf(l, p), { ids, xy, stamp }))
}

function put(l: string, p: string, xy: Float32Array): void {
  batch(() => {
    setPositions(xy)
    setDrawn({ layer: l, projection: p })
  })
}

let asked = 0
/** Brings the current map up to date; what is on the screen stays until the new one is there. */
export async function loadMap(): Promise<void> {
  const [l, p] = [layer.value, projection.value]
  if (!l || !p) return
  const turn = ++asked
  const key = keyOf(l, p)
  const stamp = stampOf(l, p)
  const known = whole.get(key)
  setMapError(null)
  if (known) put(l, p, known.xy)
  if (known?.stamp === stamp) {
    setArrived(`${key} ${stamp}`)
    setMapLoading(false)
    return
  }
  setMapLoading(true)
  try {
    const xy = await api.map(l, p)
    keep(key, stamp, xy)
    if (turn === asked) {
      put(l, p, xy)
      setArrived(`${key} ${stamp}`)
    }
  } catch (error) {
    if (turn !== asked) return
    if (!known) setMapError(sentenceOf(error))
    // The older map stays; the next change of labels or photos asks again.
    else setArrived(`${key} ${stamp}`)
  } finally {
    if (turn === asked) setMapLoading(false)
  }
}

let running = false
/** Fills the light table in the background: quick projections first, one request at a time. */
export async function fillTable(): Promise<void> {
  if (running) return
  running = true
  try {
    for (;;) {
      const next = nextMini()
      if (!next) return
      const [l, p] = next
      const stamp = stampOf(l, p)
      try {
        await fetchMini(l, p, stamp)
      } catch {
        // Not possible (yet), e.g. a projection by labels when there are none: the cell stays empty.
        setMiniMaps(new Map(miniMaps.value).set(keyOf(l, p), 'failed'))
        failedAt.set(keyOf(l, p), stamp)
      }
    }
  } finally {
    running = false
  }
}

const failedAt = new Map<string, string>()

function nextMini(): [string, string] | null {
  for (const { id: p } of projections.value) {
    if (p === SLOW) continue
    for (const l of layers.value) {
      const stamp = stampOf(l.id, p)
      const key = keyOf(l.id, p)
      const have = miniMaps.value.get(key)
      if (have === 'failed' ? failedAt.get(key) !== stamp : have?.stamp !== stamp) return [l.id, p]
    }
  }
  return null
}

export function goTo(l: string, p: string): void {
  if (l === layer.value && p === projection.value) return
  lookAt(l, p)
  const at = layers.value.find((known) => known.id === l)
  const by = projections.value.find((known) => known.id === p)
  announce(`${at ? titleOf(at) : l}, ${by?.title ?? p}`)
  void loadMap()
}

const stepIn = (ids: string[], current: string, by: number): string =>
  ids[(Math.max(0, ids.indexOf(current)) + by + ids.length) % ids.length] ?? current

export const stepLayer = (by: number): void =>
  goTo(
    stepIn(
      layers.value.map((l) => l.id),
      layer.value,
      by,
    ),
    projection.value,
  )

export const stepProjection = (by: number): void =>
  goTo(
    layer.value,
    stepIn(
      projections.value.map((p) => p.id),
      projection.value,
      by,
    ),
  )
