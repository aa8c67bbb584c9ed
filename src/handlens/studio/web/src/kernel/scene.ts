// The built-in picture, drawn by computing it: a house, with edges of all directions, and even ground between.

import type { Picture } from './picture'

type Colour = readonly [number, number, number]
type Shape = (x: number, y: number) => Colour | null

const WIDTH = 216
const HEIGHT = 162
/** Points looked at in a pixel, each way: soft edges, as a camera's are. */
const POINTS = 3

const disc =
  (cx: number, cy: number, r: number, colour: Colour): Shape =>
  (x, y) =>
    (x - cx) ** 2 + (y - cy) ** 2 < r * r ? colour : null
const box =
  (left: number, top: number, right: number, bottom: number, colour: Colour): Shape =>
  (x, y) =>
    x >= left && x < right && y >= top && y < bottom ? colour : null

const sky: Shape = (_, y) => [126 + y * 0.9, 178 + y * 0.55, 226 + y * 0.1]
const hills: Shape = (x, y) => {
  const back = 92 + 12 * Math.sin(x / 31 + 0.6)
  const front = 118 + 7 * Math.sin(x / 43 + 3.4)
  if (y > front) return [98 - (y - front) * 0.5, 142 - (y - front) * 0.7, 70 - (y - front) * 0.4]
  return y > back ? [128, 164, 122] : null
}
const roof: Shape = (x, y) => (y >= 45 && y < 81 && Math.abs(x - 92) < (y - 45) * 1.5 + 2 ? [168, 66, 52] : null)
const wall: Shape = (x, y) => {
  if (x < 48 || x >= 136 || y < 81 || y >= 133) return null
  // Planks, lit from the left.
  const light = (Math.floor((y - 81) / 6.5) % 2 ? 226 : 238) - (x - 48) * 0.35
  return [light, light - 10, light - 34]
}
const fence: Shape = (x, y) => {
  if (x < 146 || y >= 148) return null
  const post = (x - 146) % 12 < 6 && y >= 120 + Math.abs(((x - 146) % 12) - 3)
  const rail = (y >= 127 && y < 130) || (y >= 139 && y < 142)
  return post || rail ? [244, 243, 238] : null
}
const WINDOW: Colour = [74, 98, 122]
const FRAME: Colour = [250, 250, 246]

/** The nearest first. */
const SHAPES: readonly Shape[] = [
  fence,
  disc(101, 115, 1.6, [222, 186, 92]),
  box(84, 97, 104, 133, [92, 58, 44]),
  ...[56, 110].flatMap((left) => [
    box(left + 8.5, 93, left + 10.5, 113, FRAME),
    box(left, 102, left + 19, 104, FRAME),
    box(left, 93, left + 19, 113, WINDOW),
    box(left - 2, 91, left + 21, 115, FRAME),
  ]),
  wall,
  roof,
  box(112, 43, 122, 69, [142, 92, 78]),
  disc(174, 88, 24, [62, 108, 64]),
  disc(188, 74, 15, [72, 122, 70]),
  box(171, 106, 178, 136, [96, 70, 50]),
  disc(36, 32, 15, [252, 226, 132]),
  hills,
  sky,
]

const colourAt = (x: number, y: number): Colour => {
  for (const shape of SHAPES) {
    const colour = shape(x, y)
    if (colour) return colour
  }
  return [0, 0, 0]
}

export function scene(): Picture {
  const rgba = new Uint8ClampedArray(WIDTH * HEIGHT * 4)
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const mean = [0, 0, 0]
    for (let p = 0; p < POINTS * POINTS; p++) {
      const x = (i % WIDTH) + ((p % POINTS) + 0.5) / POINTS
      const y = Math.floor(i / WIDTH) + (Math.floor(p / POINTS) + 0.5) / POINTS
      for (const [channel, value] of colourAt(x, y).entries()) mean[channel]! += value / POINTS ** 2
    }
    rgba.set([...mean, 255], 4 * i)
  }
  return { name: 'a house', width: WIDTH, height: HEIGHT, rgba }
}
