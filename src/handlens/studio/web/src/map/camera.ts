import type { Bounds, Camera, Insets, Viewport } from './types'

export const MIN_ZOOM = 0.2
export const MAX_ZOOM = 1000
/** A few photos close together are shown with some of their surroundings. */
const MAX_ZOOM_TO_FIT = 4

/** Share of the shorter side that the square [-1, 1]² takes at zoom 1. */
const FILL = 0.92

/** At zoom 1 the areas of all thumbnails add up to this many times the map's square. */
const COVERAGE = 1.8
/** Sides of thumbnails, in CSS pixels. */
const SMALLEST_SIDE = 5
const LARGEST_SIDE_AT_FIT = 88
export const LARGEST_SIDE = 288

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}

/** CSS pixels per unit of the map. */
export function pixelsPerUnit(camera: Camera, view: Viewport): number {
  return (camera.zoom * FILL * Math.max(1, Math.min(view.width, view.height))) / 2
}

/** Map coordinates (y up) to CSS pixels from the view's top left corner (y down). */
export function toScreen(camera: Camera, view: Viewport, x: number, y: number): [number, number] {
  const k = pixelsPerUnit(camera, view)
  return [view.width / 2 + (x - camera.x) * k, view.height / 2 - (y - camera.y) * k]
}

/** The inverse of `toScreen`. */
export function toMap(camera: Camera, view: Viewport, left: number, top: number): [number, number] {
  const k = pixelsPerUnit(camera, view)
  return [camera.x + (left - view.width / 2) / k, camera.y - (top - view.height / 2) / k]
}

/** The camera after the photos were dragged by (dx, dy) CSS pixels. */
export function panned(camera: Camera, view: Viewport, dx: number, dy: number): Camera {
  const k = pixelsPerUnit(camera, view)
  return { x: camera.x - dx / k, y: camera.y + dy / k, zoom: camera.zoom }
}

/** The camera after zooming by `factor`, with the point of the map under (left, top) kept where it is. */
export function zoomedAt(camera: Camera, view: Viewport, factor: number, left: number, top: number): Camera {
  const zoom = clamp(camera.zoom * factor, MIN_ZOOM, MAX_ZOOM)
  const [x, y] = toMap(camera, view, left, top)
  const k = camera.zoom / zoom
  return { x: x + (camera.x - x) * k, y: y + (camera.y - y) * k, zoom }
}

/** The camera that shows `bounds` whole in what the insets leave free, in its middle, with `margin` CSS pixels around. */
export function fitted(bounds: Bounds, view: Viewport, insets: Insets, margin: number): Camera {
  const unit = pixelsPerUnit({ x: 0, y: 0, zoom: 1 }, view)
  const width = Math.max(bounds.right - bounds.left, 1e-6)
  const height = Math.max(bounds.top - bounds.bottom, 1e-6)
  const free = freeOf(view, insets)
  const scale = Math.min(Math.max(free.width - 2 * margin, 1) / width, Math.max(free.height - 2 * margin, 1) / height)
  const zoom = clamp(scale / unit, MIN_ZOOM, MAX_ZOOM_TO_FIT)
  const k = zoom * unit
  return {
    x: (bounds.left + bounds.right) / 2 + (insets.right - insets.left) / 2 / k,
    y: (bounds.bottom + bounds.top) / 2 + (insets.top - insets.bottom) / 2 / k,
    zoom,
  }
}

/** Width and height of what the insets leave free. */
export function freeOf(view: Viewport, insets: Insets): Viewport {
  return {
    width: Math.max(1, view.width - insets.left - insets.right),
    height: Math.max(1, view.height - insets.top - insets.bottom),
  }
}

/** A map is drawn in the shape of its pane, as far as this allows. */
const MOST_STRETCH = 2

/** The factors for x and y, of which one is 1, by which places with these bounds come nearer to the shape of `free`. */
export function stretchFor(bounds: Bounds, free: Viewport): [x: number, y: number] {
  const width = Math.max(bounds.right - bounds.left, 1e-6)
  const height = Math.max(bounds.top - bounds.bottom, 1e-6)
  const ratio = clamp(free.width / free.height / (width / height), 1 / MOST_STRETCH, MOST_STRETCH)
  return ratio > 1 ? [ratio, 1] : [1, 1 / ratio]
}

/** The camera with its zoom within limits, and the values of `fallback` in place of those that are not finite. */
export function validCamera(camera: Camera, fallback: Camera): Camera {
  const finite = (value: number, otherwise: number) => (Number.isFinite(value) ? value : otherwise)
  return {
    x: finite(camera.x, fallback.x),
    y: finite(camera.y, fallback.y),
    zoom: clamp(finite(camera.zoom, fallback.zoom), MIN_ZOOM, MAX_ZOOM),
  }
}

/** The camera on the way between two, at the share `t` (0 to 1) of it; the zoom changes geometrically. */
export function between(from: Camera, to: Camera, t: number): Camera {
  if (t >= 1) return to
  const zoom = from.zoom * (to.zoom / from.zoom) ** t
  // Following the zoom keeps the path straight on the screen; without a change of zoom it is linear.
  const change = 1 / to.zoom - 1 / from.zoom
  const s = Math.abs(change) * from.zoom < 1e-4 ? t : (1 / zoom - 1 / from.zoom) / change
  return { x: from.x + (to.x - from.x) * s, y: from.y + (to.y - from.y) * s, zoom }
}

/**
 * Side in CSS pixels of a square thumbnail when `count` photos are shown.
 *
 * It grows with the square root of the zoom, more slowly than distances, so that zooming in separates the photos.
 * `size` is what the person multiplies it by.
 */
export function thumbnailSide(count: number, zoom: number, view: Viewport, size = 1): number {
  const shorter = Math.max(1, Math.min(view.width, view.height)) * FILL
  const atFit = clamp(shorter * Math.sqrt(COVERAGE / Math.max(1, count)), SMALLEST_SIDE, LARGEST_SIDE_AT_FIT)
  return clamp(atFit * size * Math.sqrt(zoom), SMALLEST_SIDE, LARGEST_SIDE)
}
