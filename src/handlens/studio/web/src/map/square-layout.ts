// Where the squares of a map's picture are: level z covers the plane with 2^z × 2^z squares of 256 px.

import { LARGEST_SIDE, pixelsPerUnit } from './camera'
import type { Bounds, Camera, Viewport } from './types'

export const SQUARE_SIDE = 256
export const DEEPEST = 14
/** Sides of photos, in pixels, that squares are drawn with. */
const SIDES = { least: 3, most: 64 }

export interface SquareAddress {
  z: number
  x: number
  y: number
}

/** The stretch of a map whose pane is as near as may be to `ratio`: a whole number k of −4…4 for 2^(k/4) times as wide as high. */
export function stretchStep(stretch: readonly [number, number]): number {
  return Math.max(-4, Math.min(4, Math.round(4 * Math.log2(stretch[0] / stretch[1]))))
}

export function stretchOf(step: number): [x: number, y: number] {
  return step > 0 ? [2 ** (step / 4), 1] : [1, 2 ** (-step / 4)]
}

/** The smallest k for which −2^k…2^k both ways holds all places. */
export function reachFor(bounds: Bounds | null): number {
  if (!bounds) return 0
  const furthest = Math.max(
    Math.abs(bounds.left),
    Math.abs(bounds.right),
    Math.abs(bounds.bottom),
    Math.abs(bounds.top),
  )
  return Math.max(0, Math.min(10, Math.ceil(Math.log2(furthest))))
}

/** The level whose squares are drawn nearest to their own size; `ratio` is device pixels per CSS pixel. */
export function levelFor(camera: Camera, view: Viewport, reach: number, ratio: number): number {
  const whole = 2 * 2 ** reach * pixelsPerUnit(camera, view) * ratio
  return Math.max(0, Math.min(DEEPEST, Math.round(Math.log2(whole / SQUARE_SIDE))))
}

/** The zoom at which the squares of a level are drawn at their own size. */
export function zoomOf(z: number, view: Viewport, reach: number, ratio: number): number {
  const unit = pixelsPerUnit({ x: 0, y: 0, zoom: 1 }, view)
  return (SQUARE_SIDE * 2 ** z) / (2 * 2 ** reach * unit * ratio)
}

/** The side of photos on squares where they should be drawn with `side` device pixels. */
export function drawnSide(side: number): number {
  return Math.max(SIDES.least, Math.min(SIDES.most, Math.round(Math.min(side, LARGEST_SIDE))))
}

/** What a square covers, in map units. */
export function squareBounds({ z, x, y }: SquareAddress, reach: number): Bounds {
  const whole = 2 ** reach
  const side = (2 * whole) / 2 ** z
  return {
    left: x * side - whole,
    right: (x + 1) * side - whole,
    top: whole - y * side,
    bottom: whole - (y + 1) * side,
  }
}

/** The squares of a level that reach into the view, those nearest to its centre first. */
export function squaresInView(camera: Camera, view: Viewport, z: number, reach: number): SquareAddress[] {
  const whole = 2 ** reach
  const side = (2 * whole) / 2 ** z
  const k = pixelsPerUnit(camera, view)
  const [halfWidth, halfHeight] = [view.width / 2 / k, view.height / 2 / k]
  const last = 2 ** z - 1
  const x0 = Math.max(0, Math.floor((camera.x - halfWidth + whole) / side))
  const x1 = Math.min(last, Math.floor((camera.x + halfWidth + whole) / side))
  const y0 = Math.max(0, Math.floor((whole - camera.y - halfHeight) / side))
  const y1 = Math.min(last, Math.floor((whole - camera.y + halfHeight) / side))
  const found: (SquareAddress & { distance: number })[] = []
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      const distance = Math.hypot((x + 0.5) * side - whole - camera.x, whole - (y + 0.5) * side - camera.y)
      found.push({ z, x, y, distance })
    }
  }
  return found.sort((a, b) => a.distance - b.distance).map(({ z, x, y }) => ({ z, x, y }))
}

/** The square one level above, and which part of it this one is: left edge, top edge and side as shares. */
export function within(
  { z, x, y }: SquareAddress,
  above: number,
): { square: SquareAddress; part: [number, number, number] } {
  const side = 1 / 2 ** above
  return {
    square: { z: z - above, x: x >> above, y: y >> above },
    part: [(x & ((1 << above) - 1)) * side, (y & ((1 << above) - 1)) * side, side],
  }
}

export const squareKey = ({ z, x, y }: SquareAddress): number => (z * 2 ** 15 + x) * 2 ** 15 + y
