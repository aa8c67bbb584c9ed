export { COLOURS, PATTERNS, patternOf } from './label-frames'
export { MapView, MOST_SPREAD } from './map-view'
export type { Camera, Insets, MapEvents, MapPhotos, MapUrls, SelectMode, SquareLook, Tool } from './types'
