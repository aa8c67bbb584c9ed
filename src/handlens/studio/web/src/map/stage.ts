import type { CameraMotion } from './camera-motion'
import type { QuadInput } from './quads'
import type { Insets, MapPhotos, Viewport } from './types'

/** What all parts of the map look at. */
export interface Stage {
  readonly photos: MapPhotos
  /** how each photo stands */
  readonly input: QuadInput
  readonly motion: CameraMotion
  /** the size of the pane, and what lies over its edges */
  view: Viewport
  readonly insets: () => Insets
  /** how large photos are drawn, as a multiple of their usual size */
  size: number
  /** whether there are too many photos to draw all of them one by one */
  readonly isLarge: boolean
}
