/** Tiles of a sheet as the server sends it: 16×16 of 64 px. */
export const SHEET_SIDE = 1024
export const TILES_PER_SHEET = 256
const TILES_PER_ROW = 16
const TILE_SIDE = 64

/** Photos seen close up are kept at 256 px, 16 a layer. */
export const CLOSE_SIDE = 256
const CLOSE_PER_ROW = SHEET_SIDE / CLOSE_SIDE
export const CLOSE_PER_LAYER = CLOSE_PER_ROW * CLOSE_PER_ROW
const CLOSE_LAYERS = 8

/** Up to so many photos have their tile in the texture array all the time; of more, only those in view, in so many layers. */
export const MOST_RESIDENT = 12_288
export const PAGED_LAYERS = 32

/** Mipmap levels of the texture array. */
export const LEVELS = 5

/** Where a picture stands in the texture array: texels from the layer's top left corner. */
export interface Place {
  x: number
  y: number
  layer: number
  side: number
}

/** How sheets and close-ups are laid out over the layers of one texture array. */
export interface Layout {
  /** whether layers hold the tiles of photos as they are wanted, and not sheets */
  paged: boolean
  sheetLayers: number
  closeLayers: number
}

/** The layout for `count` photos on a machine whose texture arrays have at most `mostLayers` layers. */
export function layoutFor(count: number, mostLayers: number): Layout {
  const sheets = Math.max(1, Math.ceil(count / TILES_PER_SHEET))
  const paged = count > MOST_RESIDENT || sheets > mostLayers - CLOSE_LAYERS
  const sheetLayers = Math.min(paged ? PAGED_LAYERS : sheets, mostLayers - CLOSE_LAYERS)
  return { paged, sheetLayers, closeLayers: CLOSE_LAYERS }
}

/** Where the sheet in a layer stands. */
export function sheetPlace(layer: number): Place {
  return { x: 0, y: 0, layer, side: SHEET_SIDE }
}

/** Where the tile in a cell of the sheet in a layer stands. */
export function tilePlace(layer: number, cell: number): Place {
  return {
    x: (cell % TILES_PER_ROW) * TILE_SIDE,
    y: Math.floor(cell / TILES_PER_ROW) * TILE_SIDE,
    layer,
    side: TILE_SIDE,
  }
}

/** Close-ups that fit; the last slot is kept for the blank tile that stands for pictures not yet there. */
export function closeSlots({ closeLayers }: Layout): number {
  return closeLayers * CLOSE_PER_LAYER - 1
}

export function blankPlace(layout: Layout): Place {
  return closePlace(layout, closeSlots(layout))
}

/** Where the close-up in `slot` stands. */
export function closePlace({ sheetLayers }: Layout, slot: number): Place {
  const cell = slot % CLOSE_PER_LAYER
  return {
    x: (cell % CLOSE_PER_ROW) * CLOSE_SIDE,
    y: Math.floor(cell / CLOSE_PER_ROW) * CLOSE_SIDE,
    layer: sheetLayers + Math.floor(slot / CLOSE_PER_LAYER),
    side: CLOSE_SIDE,
  }
}
