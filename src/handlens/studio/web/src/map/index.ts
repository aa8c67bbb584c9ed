export { COLOURS, PATTERNS, patternOf } from './label-frames'
export { MapView } from './map-view'
export type { Camera, Insets, MapEvents, MapPhotos, MapUrls, SelectMode, Tool } from './types'
