export { MOST_SPREAD } from './arrangement'
export { COLOURS, PATTERNS, patternOf } from './label-frames'
export { MapView } from './map-view'
export type { Camera, Insets, MapEvents, MapPhotos, MapUrls, SelectMode, SquareLook, Tool } from './types'
