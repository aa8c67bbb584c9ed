import { expect, test } from 'vitest'
import {
  between,
  fitted,
  freeOf,
  MAX_ZOOM,
  MIN_ZOOM,
  panned,
  pixelsPerUnit,
  stretchFor,
  thumbnailSide,
  toMap,
  toScreen,
  validCamera,
  zoomedAt,
} from './camera'

const view = { width: 1000, height: 500 }
const none = { left: 0, right: 0, top: 0, bottom: 0 }
const home = { x: 0, y: 0, zoom: 1 }

test('at zoom 1 the square [-1, 1]² takes 92 % of the shorter side', () => {
  expect(pixelsPerUnit(home, view)).toBe(230)
  expect(toScreen(home, view, 1, 1)).toEqual([730, 20])
  expect(toScreen(home, view, -1, -1)).toEqual([270, 480])
})

test('toMap undoes toScreen', () => {
  const camera = { x: 0.3, y: -0.2, zoom: 7 }
  const [x, y] = toMap(camera, view, ...toScreen(camera, view, 0.41, -0.17))
  expect(x).toBeCloseTo(0.41, 12)
  expect(y).toBeCloseTo(-0.17, 12)
})

test('panning by 230 px right and 115 px down moves the camera one unit left and half a unit up', () => {
  expect(panned(home, view, 230, 115)).toEqual({ x: -1, y: 0.5, zoom: 1 })
})

test('zooming keeps the point under the cursor', () => {
  const before = { x: 0.1, y: 0.2, zoom: 2 }
  const after = zoomedAt(before, view, 3, 120, 410)
  expect(after.zoom).toBe(6)
  const [x0, y0] = toMap(before, view, 120, 410)
  const [x1, y1] = toMap(after, view, 120, 410)
  expect(x1).toBeCloseTo(x0, 12)
  expect(y1).toBeCloseTo(y0, 12)
})

test('zoom stops at its limits without moving', () => {
  const top = { x: 0.5, y: 0.5, zoom: MAX_ZOOM }
  expect(zoomedAt(top, view, 10, 0, 0)).toEqual(top)
  expect(zoomedAt(home, view, 1e-9, 500, 250).zoom).toBe(MIN_ZOOM)
})

test('fitted shows the bounds whole and centred', () => {
  const camera = fitted({ left: 1, right: 3, bottom: -1, top: 0 }, view, none, 50)
  expect([camera.x, camera.y]).toEqual([2, -0.5])
  // height: 400 px for 1 unit; width: 900 px for 2 units
  expect(pixelsPerUnit(camera, view)).toBeCloseTo(400, 9)
})

test('fitted keeps clear of what lies over the map, and is centred in the rest', () => {
  const insets = { left: 60, right: 20, top: 100, bottom: 0 }
  const camera = fitted({ left: 1, right: 3, bottom: -1, top: 0 }, view, insets, 50)
  // free: 920 × 400 px, less the margin: 820 px for 2 units, 300 px for 1 unit
  expect(pixelsPerUnit(camera, view)).toBeCloseTo(300, 9)
  const [left, top] = toScreen(camera, view, 2, -0.5)
  expect([left, top].map((v) => Math.round(v * 1e6) / 1e6)).toEqual([60 + 920 / 2, 100 + 400 / 2])
})

test('a map is stretched to the shape of its pane, as far as 2 to 1', () => {
  const bounds = { left: -1, right: 1, bottom: -1, top: 1 }
  expect(stretchFor(bounds, { width: 300, height: 200 })).toEqual([1.5, 1])
  expect(stretchFor(bounds, { width: 200, height: 300 })).toEqual([1, 1.5])
  expect(stretchFor(bounds, { width: 1000, height: 100 })).toEqual([2, 1])
  expect(stretchFor({ left: 0, right: 3, bottom: 0, top: 2 }, { width: 600, height: 400 })).toEqual([1, 1])
  expect(freeOf({ width: 500, height: 400 }, { left: 10, right: 20, top: 30, bottom: 40 })).toEqual({
    width: 470,
    height: 330,
  })
})

test('fitted to one point does not zoom in without end', () => {
  expect(fitted({ left: 1, right: 1, bottom: 1, top: 1 }, view, none, 50)).toEqual({ x: 1, y: 1, zoom: 4 })
})

test('thumbnails grow with the square root of the zoom, and are smaller the more are shown', () => {
  expect(thumbnailSide(5000, 4, view) / thumbnailSide(5000, 1, view)).toBeCloseTo(2, 9)
  expect(thumbnailSide(1250, 1, view) / thumbnailSide(5000, 1, view)).toBeCloseTo(2, 9)
  expect(thumbnailSide(0, 1, view)).toBe(88)
  expect(thumbnailSide(10, MAX_ZOOM, view)).toBe(288)
  expect(thumbnailSide(5000, 1, view, 2)).toBeCloseTo(2 * thumbnailSide(5000, 1, view), 9)
})

test('a flight begins and ends where it should, and keeps a point both cameras share', () => {
  const to = zoomedAt(home, view, 9, 700, 100)
  expect(between(home, to, 0)).toEqual(home)
  expect(between(home, to, 1)).toEqual(to)
  const half = between(home, to, 0.5)
  expect(half.zoom).toBeCloseTo(3, 12)
  const [x, y] = toScreen(half, view, ...toMap(home, view, 700, 100))
  expect(x).toBeCloseTo(700, 9)
  expect(y).toBeCloseTo(100, 9)
  expect(between(home, { x: 2, y: 0, zoom: 1 }, 0.25)).toEqual({ x: 0.5, y: 0, zoom: 1 })
})

test('a camera from elsewhere is made sound', () => {
  expect(validCamera({ x: NaN, y: 2, zoom: 0 }, home)).toEqual({ x: 0, y: 2, zoom: MIN_ZOOM })
})
