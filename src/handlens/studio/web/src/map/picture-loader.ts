import { FetchQueue, fetchPicture } from './fetch-queue'
import { LruSlots } from './lru-slots'
import {
  blankPlace,
  CLOSE_SIDE,
  closePlace,
  closeSlots,
  type Layout,
  type Place,
  SHEET_SIDE,
  sheetPlace,
  TILES_PER_SHEET,
  tilePlace,
} from './texture-layout'
import type { MapPhotos, MapUrls } from './types'

/** A picture that has arrived and waits for the next frame to be put into the texture array. */
interface Arrival {
  picture: ImageBitmap
  kind: 'sheet' | 'close'
  /** sheet number or photo id */
  key: number
  /** rows of the sheet that the picture holds */
  rows: number
}

const SHEETS_AT_ONCE = 3
const CLOSE_AT_ONCE = 6

/** Loads sheets as they become ready and close-ups as they are wanted, and knows where each photo's picture stands. */
export class PictureLoader {
  private prepared = 0
  private readonly rowOf: Int32Array
  /** tiles of each sheet that stand in the texture array */
  private readonly held: Uint16Array
  /** and those that have arrived, put there or not */
  private readonly got: Uint16Array
  private readonly slots: LruSlots
  private readonly closeUp = new Set<number>()
  private arrivals: Arrival[] = []
  private readonly sheets: FetchQueue<number>
  private readonly close: FetchQueue<number>

  constructor(
    private readonly photos: MapPhotos,
    private readonly urls: MapUrls,
    private readonly layout: Layout,
    /** called when pictures wait to be put */
    private readonly arrived: () => void,
  ) {
    this.rowOf = new Int32Array(photos.count).fill(-1)
    for (const [row, id] of photos.order.entries()) this.rowOf[id] = row
    this.held = new Uint16Array(Math.ceil(photos.count / TILES_PER_SHEET))
    this.got = new Uint16Array(this.held.length)
    this.slots = new LruSlots(closeSlots(layout))
    this.sheets = new FetchQueue(SHEETS_AT_ONCE, (k, signal) => this.loadSheet(k, signal))
    this.close = new FetchQueue(CLOSE_AT_ONCE, (id, signal) => this.loadClose(id, signal))
  }

  setPrepared(rows: number): void {
    this.prepared = Math.min(rows, this.photos.count)
    this.got.forEach((got, k) => {
      if (got < this.rowsOf(k) && sheetPlace(this.layout, k)) this.sheets.add(k)
    })
  }

  /** Where the best picture of a photo stands, the blank tile while it has none. */
  place(id: number): Place {
    if (this.closeUp.has(id)) return closePlace(this.layout, this.slots.get(id)!)
    const row = this.rowOf[id]!
    if (row < 0 || row % TILES_PER_SHEET >= this.held[Math.floor(row / TILES_PER_SHEET)]!)
      return blankPlace(this.layout)
    return tilePlace(this.layout, row) ?? blankPlace(this.layout)
  }

  /** Asks for the close-ups of these photos, the most wanted first; no more than fit. */
  wantClose(ids: number[]): void {
    const wanted = ids.slice(0, this.slots.size).filter((id) => this.rowOf[id]! < this.prepared)
    // Touched last to first: the first wanted is the last to lose its place.
    for (let i = wanted.length - 1; i >= 0; i--) this.slots.touch(wanted[i]!)
    this.close.want(wanted.filter((id) => !this.closeUp.has(id)))
  }

  /** Hands over up to `most` arrived pictures; gives the ids whose place changed, or null for many. */
  deliver(put: (picture: ImageBitmap, place: Place, kind: 'sheet' | 'close') => void, most: number): number[] | null {
    const ids: number[] = []
    let many = false
    for (const { picture, kind, key, rows } of this.arrivals.splice(0, most)) {
      if (kind === 'sheet') {
        put(picture, sheetPlace(this.layout, key)!, kind)
        this.held[key] = rows
        many = true
      } else {
        const { slot, evicted } = this.slots.take(key)
        if (evicted >= 0) {
          this.closeUp.delete(evicted)
          ids.push(evicted)
        }
        put(picture, closePlace(this.layout, slot), kind)
        this.closeUp.add(key)
        ids.push(key)
      }
      picture.close()
    }
    return many ? null : ids
  }

  get waiting(): boolean {
    return this.arrivals.length > 0
  }

  stop(): void {
    this.sheets.stop()
    this.close.stop()
    for (const { picture } of this.arrivals) picture.close()
    this.arrivals = []
  }

  private rowsOf(k: number): number {
    return Math.max(0, Math.min(this.prepared - k * TILES_PER_SHEET, TILES_PER_SHEET))
  }

  private async loadSheet(k: number, signal: AbortSignal): Promise<void> {
    const rows = this.rowsOf(k)
    const picture = await fetchPicture(this.urls.sheet(k, k * TILES_PER_SHEET + rows), signal)
    if (picture.width !== SHEET_SIDE || picture.height !== SHEET_SIDE) {
      throw new Error(`sheet ${k} must be ${SHEET_SIDE} px square, not ${picture.width}×${picture.height}`)
    }
    this.got[k] = rows
    this.arrive({ picture, kind: 'sheet', key: k, rows }, signal)
    // The sheet may have grown meanwhile.
    if (this.rowsOf(k) > rows) setTimeout(() => this.setPrepared(this.prepared))
  }

  private async loadClose(id: number, signal: AbortSignal): Promise<void> {
    const picture = await fetchPicture(this.urls.thumb(id), signal, CLOSE_SIDE)
    this.arrive({ picture, kind: 'close', key: id, rows: 0 }, signal)
  }

  private arrive(arrival: Arrival, signal: AbortSignal): void {
    if (signal.aborted) {
      arrival.picture.close()
      return
    }
    this.arrivals.push(arrival)
    this.arrived()
  }
}
