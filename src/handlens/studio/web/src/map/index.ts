export { COLOURS, PATTERNS, patternOf } from './frames'
export type { Camera, MapEvents, MapPhotos, MapUrls, SelectMode, Tool } from './types'
export { MapView } from './view'
