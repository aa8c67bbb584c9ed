import { fitted, freeOf, LARGEST_SIDE, pixelsPerUnit, stretchFor, thumbnailSide, toScreen } from './camera'
import { drawOrder } from './draw-order'
import { boundsOf, drawnAspect, halfSize, shrunkInto } from './geometry'
import { GridIndex } from './grid-index'
import { type Shown, shownOf } from './shown'
import { spread } from './spread'
import { stretchOf, stretchStep } from './square-layout'
import type { Stage } from './stage'
import { ease, interpolated, prefersReducedMotion, TRANSITION_MS } from './transition'
import type { Camera } from './types'

/** So many photos in view of a large map can be spread out. */
export const MOST_SPREAD = 4000
const FIT_MARGIN = 24
const FIT_MARGIN_SPREAD = 8
/** Share of its cell, in each direction, that a photo takes when the photos are spread out. */
const FILLED = 0.92

/** Where the photos are: stretched to the shape of the pane, perhaps spread out, and on their way to new places. */
export class Arrangement {
  /** the photos of a large map, by where they are */
  index: GridIndex | null = null
  shown: Shown = { count: 0, rows: 0, areFirst: false, places: 0 }
  isSpread = false
  /** the cells of the latest spread */
  cell = { side: 0, aspect: 1 }
  /** the stretch of a large map, of which there are a few; see `stretchStep` */
  stretchedBy = 0
  /** [N, 2] by id, as they came; `stage.input.positions` has them stretched, and perhaps spread out */
  private places: Float32Array
  /** the photos of a large map that are spread out */
  private spreadOut: number[] = []
  /** share of the way to being spread out that the photos had come when the transition began */
  private spreadBefore = 0
  /** when the photos began to move to their new places */
  private begun = -Infinity

  constructor(private readonly stage: Stage) {
    this.places = stage.input.positions
  }

  /** Takes new places; says whether photos move there. */
  put(places: Float32Array, animate: boolean): boolean {
    this.places = places
    return this.arrange(animate)
  }

  /** Lays the photos out without overlap, or puts them back; says whether they move. */
  spread(on: boolean): boolean {
    this.spreadBefore = this.spreadShare()
    this.isSpread = on
    if (on && this.stage.isLarge) this.spreadOut = this.toSpread().slice(0, MOST_SPREAD)
    return this.arrange(true)
  }

  /** How many photos of a large map are in view, of which a spread takes at most `MOST_SPREAD`; null of a small map. */
  get inViewToSpread(): number | null {
    return this.stage.isLarge ? this.toSpread().length : null
  }

  /** Gives each photo its place in this pane; says whether photos move there. */
  arrange(animate: boolean): boolean {
    const { input, isLarge, photos } = this.stage
    const to = this.isSpread ? this.spreadPlaces() : this.stretched()
    const moves = animate && !prefersReducedMotion()
    if (moves) {
      input.from = interpolated(input.from, input.positions, this.progress())
      this.begun = performance.now()
    } else if (this.progress() >= 1) {
      input.from = to
      this.begun = -Infinity
    }
    input.positions = to
    if (isLarge) this.index = new GridIndex(to, photos.order)
    this.count()
    return moves
  }

  /** Whether the pane has a shape for which the photos have to be arranged again. */
  get isOtherShape(): boolean {
    if (!this.stage.isLarge || !this.index) return true
    return this.stretchedBy !== stretchStep(this.stretchHere())
  }

  /** Finds out again which photos are shown. */
  count(): void {
    const { input, photos } = this.stage
    this.shown = shownOf(photos.order, input.shown, this.places, input.positions)
  }

  /** Share of the way to their new places that the photos have come. */
  progress(now = performance.now()): number {
    return ease((now - this.begun) / TRANSITION_MS)
  }

  /** Share of the way to being spread out that the photos have come. */
  spreadShare(): number {
    const to = this.isSpread ? 1 : 0
    return this.spreadBefore + (to - this.spreadBefore) * this.progress()
  }

  /** The camera that has all photos in view, clear of what lies over the map. */
  whole(): Camera {
    const { input, insets, size, view } = this.stage
    const bounds = boundsOf(input.positions, (id) => input.shown[id] === 1)
    if (!bounds) return { x: 0, y: 0, zoom: 1 }
    // Few photos are drawn large: half of one must fit beside the outermost centre.
    const side = thumbnailSide(this.shown.count, 1, view, size)
    const margin = this.isSpread ? FIT_MARGIN_SPREAD : Math.max(FIT_MARGIN, 4 + 0.6 * side)
    if (this.isSpread) {
      const [width, height] = halfSize(this.cell.side, this.cell.aspect)
      bounds.left -= width
      bounds.right += width
      bounds.bottom -= height
      bounds.top += height
    }
    return fitted(bounds, view, insets(), margin)
  }

  /** The side of a photo in CSS pixels, where `count` are shown. */
  side(count: number): number {
    const { motion, size, view } = this.stage
    const usual = thumbnailSide(count, motion.now.zoom, view, size)
    const share = this.spreadShare()
    if (share === 0) return usual
    const cell = this.cell.side * pixelsPerUnit(motion.now, view)
    const own = Math.min(LARGEST_SIDE, cell * FILLED * Math.min(1, size))
    return usual + (own - usual) * share
  }

  /** Half the width and height of a photo of this side, in its unit. */
  half(id: number, side: number): [number, number] {
    const aspect = drawnAspect(this.stage.input.aspect[id]!)
    return halfSize(this.isSpread ? side * shrunkInto(aspect, this.cell.aspect) : side, aspect)
  }

  /** Lines about photos that are spread out stay within the gap between two cells. */
  withinGap<T extends Record<string, number>>(widths: T, side: number): T {
    if (this.spreadShare() < 1) return widths
    const gap = Math.max(1, (side / FILLED) * (1 - FILLED) * 0.5)
    return Object.fromEntries(Object.entries(widths).map(([name, width]) => [name, Math.min(width, gap)])) as T
  }

  private stretchHere(): [number, number] {
    const bounds = boundsOf(this.places)
    return bounds ? stretchFor(bounds, freeOf(this.stage.view, this.stage.insets())) : [1, 1]
  }

  private stretched(): Float32Array {
    const { places } = this
    let stretch = this.stretchHere()
    if (this.stage.isLarge) {
      // A few shapes only, so that squares that were once drawn serve panes of other sizes.
      this.stretchedBy = stretchStep(stretch)
      stretch = stretchOf(this.stretchedBy)
    }
    const to = new Float32Array(places.length)
    for (let i = 0; i < to.length; i += 2) {
      to[i] = places[i]! * stretch[0]
      to[i + 1] = places[i + 1]! * stretch[1]
    }
    return to
  }

  private spreadPlaces(): Float32Array {
    const { input, isLarge } = this.stage
    const positions = this.stretched()
    if (isLarge && this.spreadOut.length === 0) this.spreadOut = this.toSpread(positions).slice(0, MOST_SPREAD)
    const order = isLarge ? Int32Array.from(this.spreadOut) : input.order
    const ids = drawOrder({ ...input, order, positions, alpha: null }).opaque
    const aspect = median(Float32Array.from(ids, (id) => drawnAspect(input.aspect[id]!)))
    const laidOut = spread(positions, ids, aspect)
    this.cell = { side: Math.sqrt(laidOut.width * laidOut.height), aspect: laidOut.width / laidOut.height }
    return laidOut.positions
  }

  /** All photos in view, in the prepare order; all that are shown where these are not too many. */
  private toSpread(positions = this.stage.input.positions): number[] {
    const { input, motion, photos, view } = this.stage
    const all = this.shown.count <= MOST_SPREAD
    const found: number[] = []
    for (const id of photos.order) {
      if (!input.shown[id] || !Number.isFinite(positions[2 * id]!)) continue
      const [x, y] = toScreen(motion.now, view, positions[2 * id]!, positions[2 * id + 1]!)
      if (all || (x >= 0 && y >= 0 && x < view.width && y < view.height)) found.push(id)
    }
    return found
  }
}

/** The middle one of some values, 1 for none. */
function median(values: Float32Array): number {
  return values.sort()[values.length >> 1] ?? 1
}
