import type { Arrangement } from './arrangement'
import { pixelsPerUnit } from './camera'
import { type DrawOrder, drawOrder, topmostAt } from './draw-order'
import { drawnWithin, idsInView } from './in-view'
import { MarkedRows } from './marked-rows'
import type { PictureLoader } from './picture-loader'
import type { Stage } from './stage'
import type { Bounds } from './types'

/** Of a large map so many photos are drawn one by one where no more are in view; of more, the map's picture is. */
export const MOST_SINGLE = 4000
/** So many photos, the first of the prepare order, are drawn where the map's picture cannot be. */
const MOST_SAMPLED = 8000
/** So many with a ring or a frame are drawn over the map's picture. */
const MOST_MARKED = 4000
/** Photos are chosen for the view and so much around it, as a share of its size. */
const AROUND = 0.35
/** So many selected photos are drawn over the map's picture, which is dimmed; of more, only the rings are. */
const MOST_LIT = 1024
/** Half the longer side of the longest strip drawn, over the side of its square. */
const MOST_HALF = Math.sqrt(8) / 2

/** Which photos are drawn one by one, and which of all are in view, at a point, or within a polygon. */
export class Choice {
  drawn: DrawOrder = { opaque: new Int32Array(0), selected: 0, faded: new Int32Array(0) }
  /** what is drawn one by one: all in view, the first of those, or only what is marked, over the map's picture */
  drawing: 'single' | 'sample' | 'marks' = 'sample'
  /** whether all photos to be drawn one by one have their picture */
  complete = false
  /** rows of the photos with a label's frame */
  private readonly framed: MarkedRows
  /** photos with a ring; null when they have to be found again */
  private ringed: Int32Array | null = null
  /** the part of the map that photos were chosen for, and the zoom then */
  private chosen: (Bounds & { zoom: number }) | null = null

  constructor(
    private readonly stage: Stage,
    private readonly arrangement: Arrangement,
  ) {
    this.framed = new MarkedRows(stage.photos.order)
  }

  /** The selection is another one by now. */
  forgetRings(): void {
    this.ringed = null
  }

  /** Chooses the photos to draw; of a large map a bounded number in and about the view, over its picture if it has one. */
  choose(pictures: PictureLoader, hasPicture: boolean): void {
    const { input, isLarge, motion, photos } = this.stage
    if (!isLarge || !this.arrangement.index) {
      this.drawn = drawOrder(input)
      return
    }
    const area = this.area(0.5 + AROUND)
    this.chosen = { ...area, zoom: motion.now.zoom }
    const onTheWay = this.arrangement.progress() < 1
    const single = onTheWay ? null : this.allWithin(area, pictures)
    this.drawing = single ? 'single' : hasPicture ? 'marks' : 'sample'
    const ids =
      single ?? (this.drawing === 'marks' ? this.marked(area, pictures) : this.first(photos.order, area, onTheWay))
    this.drawn = drawOrder({ ...input, order: ids })
    this.want(pictures)
  }

  /** Whether photos have to be chosen again, as the view has come to other ones, or so near that all can be drawn. */
  isOutside(pictures: PictureLoader): boolean {
    if (!this.stage.isLarge) return false
    const { chosen } = this
    if (!chosen) return true
    const { left, right, bottom, top } = this.area(0.5)
    if (left < chosen.left || right > chosen.right || bottom < chosen.bottom || top > chosen.top) return true
    const nearer = this.stage.motion.now.zoom / chosen.zoom
    if (this.drawing === 'single') return nearer > 1.5
    return nearer > 1 && this.arrangement.progress() >= 1 && this.allWithin(this.area(0.5 + AROUND), pictures) !== null
  }

  /** Whether selected photos stand out by their pictures: all but those of a large map that are too many. */
  get areLit(): boolean {
    return this.drawing !== 'marks' || this.drawn.selected <= MOST_LIT
  }

  /** Photos of which at least a part is in view, the nearest to its centre first; of a large map all in view, in no order. */
  inView(): number[] {
    const { index } = this.arrangement
    if (!index || this.drawing === 'single') return this.drawnInView()
    const found: number[] = []
    index.within(this.area(0.5), (id) => {
      if (this.stage.input.shown[id]) found.push(id)
      return true
    })
    return found
  }

  /** Photos drawn one by one of which at least a part is in view, the nearest to its centre first. */
  drawnInView(): number[] {
    const { input, motion, view } = this.stage
    const side = this.side()
    return idsInView(this.drawn, input.positions, motion.now, view, (id) => this.arrangement.half(id, side))
  }

  /** Mask, one 0/1 byte by id, of the photos shown whose centre lies within the polygon. */
  within(polygon: number[]): Uint8Array {
    const { input, photos } = this.stage
    const { index } = this.arrangement
    return index
      ? index.enclosed(polygon, input.shown)
      : drawnWithin(polygon, this.drawn, input.positions, photos.count)
  }

  /** The topmost photo at a point of the map, -1 for none. */
  at(x: number, y: number, pictures: PictureLoader): number {
    const { input, motion, view } = this.stage
    const { index } = this.arrangement
    const side = this.side() / pixelsPerUnit(motion.now, view)
    const half = (id: number): [number, number] => this.arrangement.half(id, side)
    if (!index || this.drawing === 'single') return topmostAt(this.drawn, input.positions, half, x, y)
    const reach = MOST_HALF * side
    let found = -1
    index.within({ left: x - reach, right: x + reach, bottom: y - reach, top: y + reach }, (id) => {
      if (!input.shown[id] || (found >= 0 && pictures.row(found) < pictures.row(id))) return true
      const [width, height] = half(id)
      if (Math.abs(input.positions[2 * id]! - x) <= width && Math.abs(input.positions[2 * id + 1]! - y) <= height) {
        found = id
      }
      return true
    })
    return found
  }

  /** The side of a photo in CSS pixels. */
  side(): number {
    const { opaque, faded } = this.drawn
    return this.arrangement.side(this.stage.isLarge ? this.arrangement.shown.count : opaque.length + faded.length)
  }

  /** The part of the map that reaches so far from the centre of the view, as a share of its size. */
  private area(share: number): Bounds {
    const { motion, view } = this.stage
    const { x, y } = motion.now
    const k = pixelsPerUnit(motion.now, view)
    const [reachX, reachY] = [(share * view.width) / k, (share * view.height) / k]
    return { left: x - reachX, right: x + reachX, bottom: y - reachY, top: y + reachY }
  }

  /** The photos shown within an area, in prepare order; null where they are too many to be drawn one by one. */
  private allWithin(area: Bounds, pictures: PictureLoader): Int32Array | null {
    const { input, photos } = this.stage
    const { shown } = this.arrangement
    const index = this.arrangement.index!
    // Of few photos none is looked up: most that lie in the area may be hidden.
    if (shown.count <= MOST_SINGLE) return this.first(photos.order.subarray(0, shown.rows), area, false)
    if (index.about(area) > 50 * MOST_SINGLE) return null
    const found: number[] = []
    index.within(area, (id) => {
      if (input.shown[id]) found.push(pictures.row(id))
      return found.length <= MOST_SINGLE
    })
    if (found.length > MOST_SINGLE) return null
    return Int32Array.from(found)
      .sort()
      .map((row) => photos.order[row]!)
  }

  /** The first of these photos that are shown and lie within an area, or did before they began to move. */
  private first(ids: Int32Array, area: Bounds, onTheWay: boolean, most = MOST_SAMPLED): Int32Array {
    const { from, positions, shown } = this.stage.input
    const { left, right, bottom, top } = area
    const isIn = (xy: Float32Array, id: number): boolean =>
      xy[2 * id]! >= left && xy[2 * id]! <= right && xy[2 * id + 1]! >= bottom && xy[2 * id + 1]! <= top
    const found: number[] = []
    for (let row = 0; row < ids.length && found.length < most; row++) {
      const id = ids[row]!
      if (shown[id] && (isIn(positions, id) || (onTheWay && isIn(from, id)))) found.push(id)
    }
    return Int32Array.from(found)
  }

  /** The first photos with a ring or a frame within an area, those with a ring before the others. */
  private marked(area: Bounds, pictures: PictureLoader): Int32Array {
    const { input, photos } = this.stage
    this.framed.update(input.marks, (id) => pictures.row(id))
    this.ringed ??= this.selectedIds()
    const ringed = this.first(this.ringed, area, false, MOST_MARKED)
    const framed: number[] = []
    const { left, right, bottom, top } = area
    for (const row of this.framed.rows) {
      if (ringed.length + framed.length >= MOST_MARKED) break
      const id = photos.order[row]!
      const [x, y] = [input.positions[2 * id]!, input.positions[2 * id + 1]!]
      if (x < left || x > right || y < bottom || y > top) continue
      if (input.shown[id] && !input.selected[id]) framed.push(id)
    }
    return Int32Array.from([...ringed, ...framed])
  }

  private selectedIds(): Int32Array {
    const { selected } = this.stage.input
    const found: number[] = []
    if (!selected.includes(1)) return Int32Array.from(found)
    for (const id of this.stage.photos.order) if (selected[id]) found.push(id)
    return Int32Array.from(found)
  }

  /** Asks for the tiles of the photos drawn one by one. */
  private want(pictures: PictureLoader): void {
    const { opaque, faded, selected } = this.drawn
    const ids = this.drawing !== 'marks' ? [...opaque, ...faded] : this.areLit ? [...opaque.subarray(0, selected)] : []
    pictures.wantTiles(ids)
    this.complete = ids.every((id) => pictures.has(id))
  }
}
