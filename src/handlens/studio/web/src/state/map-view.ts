// The map on the screen, for whoever has to move it.

import { signal } from '@preact/signals'
import type { MapView } from '../map'

export const mapView = signal<MapView | null>(null)
