import { pixelsPerUnit } from './camera'
import type { DrawOrder } from './draw-order'
import { enclosed } from './geometry'
import type { Camera, Viewport } from './types'

/**
 * The drawn photos of which at least a part is in view, those nearest to the centre first.
 *
 * `half(id)` gives half the width and half the height of a photo, in CSS pixels.
 */
export function idsInView(
  { opaque, faded }: DrawOrder,
  positions: Float32Array,
  camera: Camera,
  view: Viewport,
  half: (id: number) => [number, number],
): number[] {
  const k = pixelsPerUnit(camera, view)
  const found: { id: number; distance: number }[] = []
  for (const ids of [opaque, faded]) {
    for (const id of ids) {
      const dx = Math.abs(positions[2 * id]! - camera.x) * k
      const dy = Math.abs(positions[2 * id + 1]! - camera.y) * k
      const [halfWidth, halfHeight] = half(id)
      const visible = dx - halfWidth < view.width / 2 && dy - halfHeight < view.height / 2
      if (visible) found.push({ id, distance: dx * dx + dy * dy })
    }
  }
  return found.sort((a, b) => a.distance - b.distance).map(({ id }) => id)
}

/** Mask, one 0/1 byte by id, of the drawn photos whose centre lies within the polygon. */
export function drawnWithin(
  polygon: number[],
  { opaque, faded }: DrawOrder,
  positions: Float32Array,
  count: number,
): Uint8Array {
  const mask = enclosed(polygon, positions, opaque, count)
  for (const [id, one] of enclosed(polygon, positions, faded, count).entries()) if (one) mask[id] = 1
  return mask
}
