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

/** Beyond this many layers of sheets, tiles are kept at half their side (or a quarter), to save video memory. */
const MOST_SHEET_LAYERS = 100

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
  /** sheets are halved this many times */
  halvings: number
  sheetLayers: number
  closeLayers: number
}

/** The layout for `count` photos on a machine whose texture arrays have at most `mostLayers` layers. */
export function layoutFor(count: number, mostLayers: number): Layout {
  const sheets = Math.max(1, Math.ceil(count / TILES_PER_SHEET))
  const limit = Math.min(MOST_SHEET_LAYERS, mostLayers - CLOSE_LAYERS)
  let halvings = 0
  while (halvings < 2 && Math.ceil(sheets / 4 ** halvings) > limit) halvings++
  const sheetLayers = Math.min(Math.ceil(sheets / 4 ** halvings), mostLayers - CLOSE_LAYERS)
  return { halvings, sheetLayers, closeLayers: CLOSE_LAYERS }
}

/** Where sheet `k` stands; null when it is beyond what the machine can hold. */
export function sheetPlace({ halvings, sheetLayers }: Layout, k: number): Place | null {
  const perRow = 2 ** halvings
  const perLayer = perRow * perRow
  const layer = Math.floor(k / perLayer)
  if (layer >= sheetLayers) return null
  const cell = k % perLayer
  const side = SHEET_SIDE / perRow
  return { x: (cell % perRow) * side, y: Math.floor(cell / perRow) * side, layer, side }
}

/** Where the tile of the photo at `row` of the prepare order stands; null when its sheet has no place. */
export function tilePlace(layout: Layout, row: number): Place | null {
  const sheet = sheetPlace(layout, Math.floor(row / TILES_PER_SHEET))
  if (!sheet) return null
  const cell = row % TILES_PER_SHEET
  const side = TILE_SIDE / 2 ** layout.halvings
  return {
    x: sheet.x + (cell % TILES_PER_ROW) * side,
    y: sheet.y + Math.floor(cell / TILES_PER_ROW) * side,
    layer: sheet.layer,
    side,
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
