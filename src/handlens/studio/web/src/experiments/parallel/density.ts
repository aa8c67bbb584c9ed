// Lines drawn by adding up how much of each pixel they cover. Where thousands of lines lie over each other one sees how
// many, and their mean colour; and a line can be taken out again, so that a brush redraws only what it changes.

/** How far each pixel is covered, and by which tones. */
export interface Field {
  readonly width: number
  readonly height: number
  /** two whole numbers a pixel: its cover, FULL for each line that covers it whole, and the sum of cover × tone */
  readonly sums: Int32Array
}

/** A small number, so that the sums of 500,000 lines through one pixel fit. */
export const FULL = 16

/** Tones are 0 to this. */
export const MOST_TONE = 255

export const emptyField = (width: number, height: number): Field => ({
  width,
  height,
  sums: new Int32Array(2 * width * height),
})

/** Adds a straight line of one pixel's width `times` times (−1: takes it out). It has to lie within the field. */
export function addLine(
  { width, sums }: Field,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  tone: number,
  times: 1 | -1,
): void {
  // Along its longer direction, one step a pixel; its cover is shared by the two pixels that it passes between (Wu 1991).
  // All in whole numbers, so that what was added can be taken out without a trace.
  const steep = Math.abs(y1 - y0) > Math.abs(x1 - x0)
  let [a0, b0, a1, b1] = steep ? [y0, x0, y1, x1] : [x0, y0, x1, y1]
  if (a0 > a1) [a0, b0, a1, b1] = [a1, b1, a0, b0]
  const [byA, byB] = steep ? [2 * width, 2] : [2, 2 * width]
  const [first, last] = [Math.round(a0), Math.round(a1)]
  const slope = a1 === a0 ? 0 : (b1 - b0) / (a1 - a0)
  const step = Math.round(slope * 65536)
  let b = Math.round((b0 + (first - a0) * slope) * 65536) + 2048
  let start = first * byA
  for (let a = first; a <= last; a++) {
    const share = (b >> 12) & 15
    const pixel = start + (b >> 16) * byB
    const amount = (FULL - share) * times
    sums[pixel]! += amount
    sums[pixel + 1]! += amount * tone
    if (share > 0) {
      const rest = share * times
      sums[pixel + byB]! += rest
      sums[pixel + byB + 1]! += rest * tone
    }
    b += step
    start += byA
  }
}

export interface Ink {
  /** the colour of each tone, three bytes each */
  readonly tones: Uint8Array
  /** of lines that are not brushed */
  readonly plain: readonly [number, number, number]
  /** how much one line hides of what is behind it, 0 to 1 */
  readonly opacity: number
  /** the same for lines that are not brushed */
  readonly dimmed: number
}

/** The opacity of n lines together that stays readable. */
export const opacityOf = (n: number): number => Math.min(0.9, 10 / Math.sqrt(Math.max(1, n)))

/** The most that lines which are not brushed hide. */
const DIM = 0.5

/** Draws the lines that are brushed over all the others: `all` holds both. */
export function paint(all: Field, chosen: Field, ink: Ink, rgba: Uint8ClampedArray): void {
  const over = hiding(ink.opacity)
  const under = hiding(ink.dimmed)
  const [r, g, b] = ink.plain
  for (let i = 0, at = 0; i < all.sums.length; i += 2, at += 4) {
    const total = all.sums[i]!
    if (total === 0) {
      rgba[at + 3] = 0
      continue
    }
    const mine = chosen.sums[i]!
    const front = over[Math.min(mine, over.length - 1)]!
    const rest = total - mine
    const back = (1 - front) * DIM * under[Math.min(rest, under.length - 1)]!
    const tone = mine > 0 ? 3 * Math.round(chosen.sums[i + 1]! / mine) : 0
    const share = front / (front + back)
    rgba[at] = share * ink.tones[tone]! + (1 - share) * r
    rgba[at + 1] = share * ink.tones[tone + 1]! + (1 - share) * g
    rgba[at + 2] = share * ink.tones[tone + 2]! + (1 - share) * b
    rgba[at + 3] = 255 * (front + back)
  }
}

/** How much each cover hides: 1 − (1 − opacity)^lines, up to where it hides all. */
function hiding(opacity: number): Float64Array {
  const lines = Math.max(1, Math.ceil(Math.log(0.002) / Math.log(1 - opacity)))
  return Float64Array.from({ length: lines * FULL + 1 }, (_, cover) => 1 - (1 - opacity) ** (cover / FULL))
}
