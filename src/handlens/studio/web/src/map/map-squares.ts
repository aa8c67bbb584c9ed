import { FetchQueue, fetchPicture } from './fetch-queue'
import { LruSlots } from './lru-slots'
import { type SquareAddress, squareBounds, squareKey, squaresInView, within } from './square-layout'
import type { Bounds, Camera, Viewport } from './types'

const AT_ONCE = 6
/** A square that arrives is laid over what stood there, within this time. */
const FADE_MS = 200
/** Squares so many levels above are fetched first: they are few, and stand for those not yet there. */
const COARSER = 3
/** How far above a stand-in may be. */
const FURTHEST = 8

/** A square, or the part of one from another level that stands for it, to be drawn now. */
export interface DrawnSquare {
  bounds: Bounds
  /** layer of the texture array */
  layer: number
  /** the part of the picture: left, top and side as shares */
  part: readonly [left: number, top: number, side: number]
  opacity: number
}

/** Fetches the squares of a map's picture that are in view, keeps a bounded number, and tells which to draw. */
export class MapSquares {
  private slots: LruSlots
  private arrivedAt = new Map<number, number>()
  private empty = new Set<number>()
  private arrivals: { key: number; picture: ImageBitmap }[] = []
  private queue: FetchQueue<number>
  private of = ''
  private reach = 0
  private url: (square: SquareAddress) => string = () => ''
  private readonly addresses = new Map<number, SquareAddress>()

  constructor(
    private readonly layers: number,
    private readonly arrived: () => void,
  ) {
    this.slots = new LruSlots(layers)
    this.queue = this.newQueue()
  }

  /** Squares of another map, or drawn otherwise, from now on; `of` tells them from those before. */
  show(of: string, reach: number, url: (square: SquareAddress) => string): void {
    this.url = url
    if (of === this.of) return
    this.stop()
    this.of = of
    this.reach = reach
    this.slots = new LruSlots(this.layers)
    this.arrivedAt.clear()
    this.empty.clear()
    this.addresses.clear()
    this.queue = this.newQueue()
  }

  want(camera: Camera, view: Viewport, z: number): void {
    const above = Math.max(0, z - COARSER)
    const wanted = above < z ? squaresInView(camera, view, above, this.reach) : []
    wanted.push(...squaresInView(camera, view, z, this.reach))
    const missing: number[] = []
    for (const square of wanted.slice(0, this.layers).reverse()) {
      const key = squareKey(square)
      this.slots.touch(key)
      if (this.slots.get(key) === undefined && !this.empty.has(key) && !this.isWaiting(key)) {
        this.addresses.set(key, square)
        missing.push(key)
      }
    }
    this.queue.want(missing.reverse())
  }

  /** Hands over up to `most` squares that have arrived. */
  deliver(put: (picture: ImageBitmap, layer: number) => void, most: number, now: number): void {
    for (const { key, picture } of this.arrivals.splice(0, most)) {
      const { slot, evicted } = this.slots.take(key)
      if (evicted >= 0) this.arrivedAt.delete(evicted)
      put(picture, slot)
      this.arrivedAt.set(key, now)
      picture.close()
    }
  }

  get waiting(): boolean {
    return this.arrivals.length > 0
  }

  /** What to draw for the squares of level `z` in view; whether each has something, and its own; whether one is faded in. */
  draw(
    camera: Camera,
    view: Viewport,
    z: number,
    now: number,
    fade: boolean,
  ): { squares: DrawnSquare[]; covered: boolean; sharp: boolean; fading: boolean } {
    const squares: DrawnSquare[] = []
    let covered = true
    let sharp = true
    let fading = false
    for (const square of squaresInView(camera, view, z, this.reach)) {
      const key = squareKey(square)
      if (this.empty.has(key)) continue
      const bounds = squareBounds(square, this.reach)
      const layer = this.slots.get(key)
      const since = fade && layer !== undefined ? (now - this.arrivedAt.get(key)!) / FADE_MS : 1
      const opacity = layer === undefined ? 0 : Math.min(1, since)
      if (opacity < 1) {
        const below = this.standIns(square)
        squares.push(...below)
        if (below.length === 0 && layer === undefined) covered = false
      }
      if (layer === undefined) {
        sharp = false
        continue
      }
      squares.push({ bounds, layer, part: [0, 0, 1], opacity })
      fading ||= opacity < 1
    }
    return { squares, covered, sharp, fading }
  }

  stop(): void {
    this.queue.stop()
    for (const { picture } of this.arrivals) picture.close()
    this.arrivals = []
  }

  /** The nearest square above that is there, or else what there is of the four below. */
  private standIns(square: SquareAddress): DrawnSquare[] {
    for (let above = 1; above <= Math.min(square.z, FURTHEST); above++) {
      const { square: larger, part } = within(square, above)
      const layer = this.slots.get(squareKey(larger))
      if (layer !== undefined) return [{ bounds: squareBounds(square, this.reach), layer, part, opacity: 1 }]
    }
    const found: DrawnSquare[] = []
    for (let i = 0; i < 4; i++) {
      const smaller = { z: square.z + 1, x: 2 * square.x + (i & 1), y: 2 * square.y + (i >> 1) }
      const layer = this.slots.get(squareKey(smaller))
      if (layer !== undefined)
        found.push({ bounds: squareBounds(smaller, this.reach), layer, part: [0, 0, 1], opacity: 1 })
    }
    return found.length === 4 ? found : []
  }

  private isWaiting(key: number): boolean {
    return this.arrivals.some((arrival) => arrival.key === key)
  }

  private newQueue(): FetchQueue<number> {
    return new FetchQueue(AT_ONCE, async (key, signal) => {
      const picture = await fetchPicture(this.url(this.addresses.get(key)!), signal)
      if (signal.aborted) {
        picture?.close()
        return
      }
      if (picture) this.arrivals.push({ key, picture })
      else this.empty.add(key)
      this.addresses.delete(key)
      this.arrived()
    })
  }
}
