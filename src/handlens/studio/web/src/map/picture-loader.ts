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
  kind: 'sheet' | 'page' | 'close'
  /** number of the sheet or page, or id of the photo */
  key: number
  /** rows of the sheet that the picture holds */
  rows: number
}

const SHEETS_AT_ONCE = 3
const CLOSE_AT_ONCE = 6
const PAGES_AT_ONCE = 3

/** Loads sheets as they become ready and close-ups as they are wanted, and knows where each photo's picture stands. */
export class PictureLoader {
  private prepared = 0
  private readonly rowOf: Int32Array
  /** tiles of each sheet that stand in the texture array */
  private readonly held: Uint16Array
  /** and those that have arrived, put there or not */
  private readonly got: Uint16Array
  private readonly slots: LruSlots
  /** of more photos than are held: layers that hold a page each, the ids on it, and where each photo's tile is */
  private readonly pageSlots: LruSlots
  private readonly pages = new Map<number, number[]>()
  private readonly pageOf = new Map<number, { page: number; cell: number }>()
  private nextPage = 0
  private readonly closeUp = new Set<number>()
  private arrivals: Arrival[] = []
  private readonly sheets: FetchQueue<number>
  private readonly close: FetchQueue<number>
  private readonly paging: FetchQueue<number>

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
    this.pageSlots = new LruSlots(layout.sheetLayers)
    this.paging = new FetchQueue(PAGES_AT_ONCE, (page, signal) => this.loadPage(page, signal))
    this.close = new FetchQueue(CLOSE_AT_ONCE, (id, signal) => this.loadClose(id, signal))
  }

  setPrepared(rows: number): void {
    this.prepared = Math.min(rows, this.photos.count)
    if (this.layout.paged) return
    this.got.forEach((got, k) => {
      if (got < this.rowsOf(k)) this.sheets.add(k)
    })
  }

  /** Where the best picture of a photo stands, the blank tile while it has none. */
  place(id: number): Place {
    if (this.closeUp.has(id)) return closePlace(this.layout, this.slots.get(id)!)
    if (this.layout.paged) {
      const at = this.pageOf.get(id)
      const layer = at && this.pageSlots.get(at.page)
      return layer === undefined ? blankPlace(this.layout) : tilePlace(layer, at!.cell)
    }
    const row = this.rowOf[id]!
    if (row < 0 || row % TILES_PER_SHEET >= this.held[Math.floor(row / TILES_PER_SHEET)]!)
      return blankPlace(this.layout)
    return tilePlace(Math.floor(row / TILES_PER_SHEET), row % TILES_PER_SHEET)
  }

  /** A photo's row of the prepare order. */
  row(id: number): number {
    return this.rowOf[id]!
  }

  /** Whether a photo has a picture in the texture array. */
  has(id: number): boolean {
    return this.closeUp.has(id) || this.pageSlots.get(this.pageOf.get(id)?.page ?? -1) !== undefined
  }

  /** Asks for the tiles of these photos, the most wanted first, where only some of all can be held. */
  wantTiles(ids: readonly number[]): void {
    if (!this.layout.paged) return
    const wanted = ids.slice(0, this.pageSlots.size * TILES_PER_SHEET).filter((id) => this.rowOf[id]! < this.prepared)
    const held = new Set<number>()
    const missing: number[] = []
    for (const id of wanted) {
      const page = this.pageOf.get(id)?.page ?? -1
      if (this.pageSlots.get(page) !== undefined) held.add(page)
      else if (!this.paging.isRunning(page)) missing.push(id)
    }
    for (const page of [...held].reverse()) this.pageSlots.touch(page)
    // Pages that were asked for and have not begun are put together again.
    for (const [page, on] of this.pages) {
      if (this.pageSlots.get(page) === undefined && !this.paging.isRunning(page) && !this.isWaiting(page)) {
        this.forget(page, on)
      }
    }
    const wantedPages: number[] = []
    const asked = missing.filter((id) => !this.pageOf.has(id))
    for (let start = 0; start < asked.length; start += TILES_PER_SHEET) {
      const page = this.nextPage++
      const on = asked.slice(start, start + TILES_PER_SHEET)
      this.pages.set(page, on)
      for (const [cell, id] of on.entries()) this.pageOf.set(id, { page, cell })
      wantedPages.push(page)
    }
    this.paging.want(wantedPages)
  }

  private isWaiting(page: number): boolean {
    return this.arrivals.some(({ kind, key }) => kind === 'page' && key === page)
  }

  private forget(page: number, on: readonly number[]): void {
    for (const id of on) if (this.pageOf.get(id)?.page === page) this.pageOf.delete(id)
    this.pages.delete(page)
  }

  private async loadPage(page: number, signal: AbortSignal): Promise<void> {
    const on = this.pages.get(page)
    if (!on) return
    const picture = await fetchPicture(this.urls.tiles(on.map((id) => this.rowOf[id]!)), signal)
    if (picture?.width !== SHEET_SIDE) throw new Error(`tiles must be ${SHEET_SIDE} px wide, not ${picture?.width}`)
    this.arrive({ picture, kind: 'page', key: page, rows: 0 }, signal)
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
        put(picture, sheetPlace(key), kind)
        this.held[key] = rows
        many = true
      } else if (kind === 'page') {
        const { slot, evicted } = this.pageSlots.take(key)
        if (evicted >= 0) this.forget(evicted, this.pages.get(evicted) ?? [])
        put(picture, sheetPlace(slot), 'sheet')
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
    this.paging.stop()
    for (const { picture } of this.arrivals) picture.close()
    this.arrivals = []
  }

  private rowsOf(k: number): number {
    return Math.max(0, Math.min(this.prepared - k * TILES_PER_SHEET, TILES_PER_SHEET))
  }

  private async loadSheet(k: number, signal: AbortSignal): Promise<void> {
    const rows = this.rowsOf(k)
    const picture = await fetchPicture(this.urls.sheet(k, k * TILES_PER_SHEET + rows), signal)
    if (picture?.width !== SHEET_SIDE || picture.height !== SHEET_SIDE) {
      throw new Error(`sheet ${k} must be ${SHEET_SIDE} px square, not ${picture?.width}×${picture?.height}`)
    }
    this.got[k] = rows
    this.arrive({ picture, kind: 'sheet', key: k, rows }, signal)
    // The sheet may have grown meanwhile.
    if (this.rowsOf(k) > rows) setTimeout(() => this.setPrepared(this.prepared))
  }

  private async loadClose(id: number, signal: AbortSignal): Promise<void> {
    const picture = await fetchPicture(this.urls.thumb(id), signal, CLOSE_SIDE)
    if (!picture) throw new Error(`photo ${id} has no thumbnail`)
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
