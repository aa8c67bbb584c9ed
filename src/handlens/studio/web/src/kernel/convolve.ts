// A 3×3 kernel over a plane of numbers, as a network's layer applies it: the kernel is not turned round.

/** Numbers row by row. */
export interface Plane {
  readonly width: number
  readonly height: number
  readonly values: Float64Array
}

export type Stride = 1 | 2
export type Padding = 'none' | 'zeros' | 'reflection'

/** The side of the window. */
export const SIDE = 3

/** Pixels that padding adds on each side. */
export const border = (padding: Padding): number => (padding === 'none' ? 0 : 1)

/** How many outputs a line of `n` pixels has. */
export const outputLength = (n: number, stride: Stride, padding: Padding): number =>
  Math.max(0, Math.floor((n + 2 * border(padding) - SIDE) / stride) + 1)

/** The pixel at the middle of the window of output `o`. */
export const middleOf = (o: number, stride: Stride, padding: Padding): number => o * stride - border(padding) + 1

/** The output whose window has its middle nearest to pixel `i`. */
export function nearestOutput(i: number, n: number, stride: Stride, padding: Padding): number {
  const o = Math.round((i - 1 + border(padding)) / stride)
  return Math.min(Math.max(o, 0), outputLength(n, stride, padding) - 1)
}

/** Where place `i` of a padded line of `n` pixels takes its number from: a pixel, or null for nothing or a zero. */
export function sourceOf(i: number, n: number, padding: Padding): number | null {
  if (i >= 0 && i < n) return i
  if (padding !== 'reflection' || i < -1 || i > n) return null
  // The edge itself is the mirror: it is not repeated.
  return i < 0 ? 1 : n - 2
}

export function pad(plane: Plane, padding: Padding): Plane {
  const by = border(padding)
  if (by === 0) return plane
  const [width, height] = [plane.width + 2 * by, plane.height + 2 * by]
  const values = new Float64Array(width * height)
  for (let y = 0; y < height; y++) {
    const from = sourceOf(y - by, plane.height, padding)
    if (from === null) continue
    for (let x = 0; x < width; x++) {
      const at = sourceOf(x - by, plane.width, padding)
      if (at !== null) values[y * width + x] = plane.values[from * plane.width + at]!
    }
  }
  return { width, height, values }
}

/** The nine numbers under the window of output (x, y), row by row. */
export function windowAt(padded: Plane, x: number, y: number, stride: Stride): number[] {
  const start = y * stride * padded.width + x * stride
  return Array.from({ length: SIDE * SIDE }, (_, k) => {
    return padded.values[start + Math.floor(k / SIDE) * padded.width + (k % SIDE)]!
  })
}

export const products = (nine: readonly number[], kernel: readonly number[]): number[] =>
  nine.map((value, k) => value * kernel[k]!)

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0)

/** All outputs: at each place the sum of the nine products. */
export function convolve(padded: Plane, kernel: readonly number[], stride: Stride): Plane {
  const width = outputLength(padded.width, stride, 'none')
  const height = outputLength(padded.height, stride, 'none')
  const values = new Float64Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const start = y * stride * padded.width + x * stride
      let total = 0
      // Added up in the order of `sum`, so that both give the same number to the last bit.
      for (let row = 0; row < SIDE; row++) {
        for (let column = 0; column < SIDE; column++) {
          total += padded.values[start + row * padded.width + column]! * kernel[row * SIDE + column]!
        }
      }
      values[y * width + x] = total
    }
  }
  return { width, height, values }
}
