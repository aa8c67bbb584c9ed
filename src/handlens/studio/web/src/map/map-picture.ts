import type { Arrangement } from './arrangement'
import { BACKGROUNDS, HAIRLINE_COLOURS } from './background'
import { thumbnailSide } from './camera'
import { type DrawnSquare, MapSquares } from './map-squares'
import type { Renderer } from './renderer'
import { drawnSide, levelFor, reachFor, zoomOf } from './square-layout'
import type { Stage } from './stage'
import type { MapUrls } from './types'

/** Squares of the map's picture on the GPU: 64 MiB. */
export const SQUARES = 256
const FADE_MS = 200
/** Hairlines are drawn on squares about photos of at least this side, in pixels of the square. */
const LINE_FROM = 14

/** How the picture is drawn in this frame. */
export interface PictureFrame {
  dark: boolean
  /** device pixels per CSS pixel */
  ratio: number
  moving: boolean
  /** whether photos are seen that are not drawn one by one */
  wanted: boolean
}

/** The picture of a large map, in squares that the server draws: it lies below the photos that are drawn one by one. */
export class MapPicture {
  opacity = 1
  /** whether there is a picture for all that is in view */
  covered = false
  /** and of the right level */
  sharp = false
  /** whether the next frame differs from this one */
  fading = false
  /** how many squares were drawn last */
  drawn = 0
  private readonly squares: MapSquares
  private time = 0

  constructor(
    private readonly stage: Stage,
    private readonly arrangement: Arrangement,
    private readonly url: MapUrls['square'],
    arrived: () => void,
  ) {
    this.squares = new MapSquares(SQUARES, arrived)
  }

  /** Whether the picture shows what the map shows: it knows of no filter, fading or spread, nor of photos under way. */
  get works(): boolean {
    return this.isPossible && this.covered
  }

  private get isPossible(): boolean {
    const { isSpread, shown } = this.arrangement
    return shown.areFirst && shown.rows > 0 && !this.stage.input.alpha && !isSpread && this.arrangement.progress() >= 1
  }

  /** What was kept on the GPU is gone. */
  lose(): void {
    this.squares.show('', 0, () => '')
  }

  stop(): void {
    this.squares.stop()
  }

  get waiting(): boolean {
    return this.squares.waiting
  }

  /** Fetches the squares in view, and gives those to draw now. */
  next(renderer: Renderer, now: number, { dark, moving, ratio, wanted }: PictureFrame): DrawnSquare[] {
    const { squares } = this
    this.fading = false
    this.drawn = 0
    if (!this.isPossible) {
      this.covered = false
      return []
    }
    const { motion, view } = this.stage
    const reach = reachFor(this.arrangement.index?.bounds ?? null)
    this.show(dark, ratio, reach)
    const most = moving ? (renderer.software ? 1 : 2) : 8
    squares.deliver((picture, layer) => renderer.putSquare(picture, layer), most, now)
    const z = levelFor(motion.now, view, reach, ratio)
    if (wanted) squares.want(motion.now, view, z)
    // Without a GPU, each pixel that is drawn twice costs time.
    const step = renderer.software ? 1 : (now - this.time) / FADE_MS
    this.time = now
    this.opacity = wanted ? Math.min(1, this.opacity + step) : Math.max(0, this.opacity - step)
    const { squares: found, covered, fading, sharp } = squares.draw(motion.now, view, z, now, !renderer.software)
    this.covered = covered
    this.sharp = sharp
    this.fading = (fading && this.opacity > 0) || this.opacity !== (wanted ? 1 : 0)
    if (this.opacity === 0) return []
    this.drawn = found.length
    return found
  }

  /** Squares of this map, as it is to look. */
  private show(dark: boolean, ratio: number, reach: number): void {
    const { size, view } = this.stage
    const { shown, stretchedBy } = this.arrangement
    const scheme = dark ? 'dark' : 'light'
    const look = {
      stretch: stretchedBy,
      reach,
      shown: shown.rows,
      ground: hex(BACKGROUNDS[scheme]),
      places: shown.places,
    }
    this.squares.show(JSON.stringify([look, size, view, ratio]), reach, (square) => {
      const usual = thumbnailSide(shown.count, zoomOf(square.z, view, reach, ratio), view, size) * ratio
      const side = drawnSide(usual)
      const line = side >= LINE_FROM ? { line: hex(HAIRLINE_COLOURS[scheme]) } : {}
      return this.url(square, { ...look, side, ...line })
    })
  }
}

/** A colour as six hexadecimal digits. */
function hex(colour: readonly number[]): string {
  const byte = (part: number): string => Math.round(255 * part).toString(16)
  return colour.map((part) => byte(part).padStart(2, '0')).join('')
}
