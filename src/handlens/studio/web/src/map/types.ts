/** What the map shows: `order[row]` is the id at that row of the prepare order; `aspect` is width/height by id (0 unknown). */
export interface MapPhotos {
  count: number
  order: Int32Array
  aspect: Float32Array
}

/** How the photos on a square of the map's picture are drawn; see the server's `Look`. */
export interface SquareLook {
  side: number
  stretch: number
  reach: number
  shown: number
  /** colours as six hexadecimal digits */
  ground: string
  line?: string
  /** tells the places of the photos shown from others: the map on the server may be a newer one */
  places: number
}

/**
 * Where the pictures come from: sheets of 16×16 tiles of 64 px in prepare order, tiles of chosen rows of that order, 16 a
 * line, one thumbnail of at most 256 px a photo, and squares of the picture of the whole map.
 */
export interface MapUrls {
  tiles(rows: number[]): string
  square(at: { z: number; x: number; y: number }, look: SquareLook): string
  sheet(k: number, n: number): string
  thumb(id: number): string
}

export type SelectMode = 'replace' | 'add' | 'remove'

export type Tool = 'pan' | 'lasso' | 'box'

/** What the person did on the map. */
export interface MapEvents {
  /** A lasso or box was closed; `mask` has one 0/1 byte a photo, 1 for the shown photos enclosed. */
  select(mask: Uint8Array, mode: SelectMode, by: 'lasso' | 'box'): void
  /** The person clicked beside the photos. */
  clear(): void
  /** The topmost photo was clicked. */
  pick(id: number, mode: SelectMode): void
  /** The photo under the cursor changed; -1 for none. */
  hover(id: number): void
  /** A photo was double-clicked. */
  open(id: number): void
  /** The camera moved; null while it follows the photos, so that all are in view. */
  camera(camera: Camera | null): void
  /** A box drawn by keys got its first corner, or another size: so many photos lie in it. */
  boxed(photos: number): void
  /** Photos or camera began to move, or have come to rest. */
  moving(on: boolean): void
}

/** Centre of the view in map units, and zoom (1 shows the square [-1, 1]²). */
export interface Camera {
  x: number
  y: number
  zoom: number
}

/** A photo and where its centre is drawn, in CSS pixels from the map's top left corner. */
export interface Placed {
  id: number
  x: number
  y: number
}

/** Size of the view in CSS pixels. */
export interface Viewport {
  width: number
  height: number
}

/** What lies over the map at its edges, in CSS pixels: tools and titles, which hide photos. */
export interface Insets {
  top: number
  right: number
  bottom: number
  left: number
}

export interface Bounds {
  left: number
  right: number
  bottom: number
  top: number
}
