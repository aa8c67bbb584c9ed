// Where axes stand in the picture, in pixels.

import type { Size } from '../size'
import type { Axis } from './axes'

/** Room above the axes for the upper ends of brushes, below for runs that have no value, beside them for text. */
export const EDGE = { top: 26, bottom: 46, left: 20, right: 96 }
/** How far below an axis the runs lie that have nothing on it. */
export const MISSING = 34
/** Axes closer together could not be read: the picture scrolls instead. */
export const LEAST_APART = 104

export const leastWidth = (axes: number): number => EDGE.left + EDGE.right + (axes - 1) * LEAST_APART

export function xOf(i: number, axes: number, { width }: Size): number {
  const room = width - EDGE.left - EDGE.right
  return EDGE.left + (axes === 1 ? 0.5 : i / (axes - 1)) * room
}

export const yOf = (place: number, { height }: Size): number =>
  Number.isNaN(place) ? height - EDGE.bottom + MISSING : EDGE.top + (1 - place) * (height - EDGE.top - EDGE.bottom)

export const placeAt = (y: number, { height }: Size): number => 1 - (y - EDGE.top) / (height - EDGE.top - EDGE.bottom)

/** The most pixels by which runs of one option are set apart, so that a bundle of lines shows how many it has. */
const RIBBON = 14

/**
 * The height of each run on each axis, run by run. On an option the runs lie beside each other in the order of their
 * tone, from 0 to 255; −1 is without.
 */
export function heightsOf(axes: readonly Axis[], tones: Int16Array, size: Size): Float32Array {
  const heights = new Float32Array(axes.length * tones.length)
  for (const [a, { scale, options, places }] of axes.entries()) {
    const gap = (size.height - EDGE.top - EDGE.bottom) / Math.max(1, options.length)
    const ribbon = scale ? 0 : Math.min(RIBBON, gap * 0.6)
    for (let i = 0; i < tones.length; i++) {
      const tone = tones[i]!
      const aside = tone < 0 || Number.isNaN(places[i]!) ? 0 : (0.5 - tone / 255) * ribbon
      heights[i * axes.length + a] = yOf(places[i]!, size) + aside
    }
  }
  return heights
}
