// The picture the kernel moves over: its bytes, one plane of numbers made of them, and planes as shades.

import type { Padding, Plane } from './convolve'
import { sourceOf } from './convolve'

export interface Picture {
  name: string
  width: number
  height: number
  /** four bytes a pixel, row by row */
  rgba: Uint8ClampedArray<ArrayBuffer>
}

/** The longest side: small enough to see single pixels. */
export const LONGEST = 256

/** What the kernel is put on: all three channels added up, their mean, or one of them. */
export type Channels = 'all' | 'grey' | 'red' | 'green' | 'blue'

const MIX: Record<Channels, (r: number, g: number, b: number) => number> = {
  all: (r, g, b) => r + g + b,
  grey: (r, g, b) => (r + g + b) / 3,
  red: (r) => r,
  green: (_, g) => g,
  blue: (_r, _g, b) => b,
}

export function planeOf({ width, height, rgba }: Picture, channels: Channels): Plane {
  const mix = MIX[channels]
  const values = new Float64Array(width * height)
  for (let i = 0; i < values.length; i++) values[i] = mix(rgba[4 * i]!, rgba[4 * i + 1]!, rgba[4 * i + 2]!)
  return { width, height, values }
}

/** How outputs, which can be below 0 and above white, become shades. */
export type Shades = 'rescaled' | 'clipped'

export interface Range {
  black: number
  white: number
}

/** The numbers that are shown as black and as white. */
export function rangeOf({ values }: Plane, shades: Shades): Range {
  if (shades === 'clipped') return { black: 0, white: 255 }
  let [black, white] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < black) black = value
    if (value > white) white = value
  }
  return { black, white }
}

/** 0 for black to 255 for white; a plane that is the same everywhere is the grey between. */
export const shadeOf = (value: number, { black, white }: Range): number =>
  white === black ? 128 : Math.round(Math.min(Math.max((value - black) / (white - black), 0), 1) * 255)

/** What is read on a shade: black or white, whichever has more contrast. */
export const inkOn = (shade: number): string => (shade >= 118 ? '#000000' : '#ffffff')

/** The number that a white pixel is said to have. */
export type White = 255 | 1

/** A number of bytes as people read it: 255 as 1 where white is 1. */
export function textOf(value: number, white: White): string {
  const rounded = ((value * white) / 255).toFixed(white === 1 ? 3 : 2)
  return String(Number(rounded) + 0).replace('-', '−')
}

export function shaded({ values }: Plane, range: Range): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(values.length * 4)
  values.forEach((value, i) => {
    const shade = shadeOf(value, range)
    rgba.set([shade, shade, shade, 255], 4 * i)
  })
  return rgba
}

/** The square of `side` pixels around one, with the padding outside the picture; clear where there is nothing. */
export function around(
  { width, height, rgba }: Pick<Picture, 'width' | 'height' | 'rgba'>,
  middle: { x: number; y: number },
  side: number,
  padding: Padding,
): Uint8ClampedArray<ArrayBuffer> {
  const found = new Uint8ClampedArray(side * side * 4)
  const reach = (side - 1) / 2
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [middle.x - reach + (i % side), middle.y - reach + Math.floor(i / side)]
    const [fromX, fromY] = [sourceOf(x, width, padding), sourceOf(y, height, padding)]
    if (fromX !== null && fromY !== null) {
      const at = 4 * (fromY * width + fromX)
      found.set(rgba.subarray(at, at + 4), 4 * i)
    } else if (padding === 'zeros' && x >= -1 && x <= width && y >= -1 && y <= height) {
      found.set([0, 0, 0, 255], 4 * i)
    }
  }
  return found
}

/** A file of a picture as bytes, no side longer than LONGEST; an Error says why it cannot be. */
export async function decode(file: Blob, name: string): Promise<Picture> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${name} is not a picture that this browser can show.`)
  })
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height))
  const [width, height] = [bitmap.width, bitmap.height].map((n) => Math.max(1, Math.round(n * scale))) as [
    number,
    number,
  ]
  if (width < 3 || height < 3) {
    throw new Error(`${name} is ${bitmap.width} × ${bitmap.height} pixels: a 3 × 3 window does not fit on it.`)
  }
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d', { willReadFrequently: true })!
  context.drawImage(bitmap, 0, 0, width, height)
  bitmap.close()
  return { name, width, height, rgba: context.getImageData(0, 0, width, height).data as Picture['rgba'] }
}
