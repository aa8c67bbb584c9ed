// The map on the screen, for commands that move it.

import type { MapView } from '../map'
import { owned } from './owned'

export const [mapView, setMapView] = owned<MapView | null>(null)
