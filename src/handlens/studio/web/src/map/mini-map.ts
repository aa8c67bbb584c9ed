// The pixels of a mini-map. They are computed here and not drawn on a canvas: forty maps of 1,500 photos change with
// every label, and a browser without a graphics card takes seconds to draw that many squares.

import type { Rgb } from '../colour/contrast'

export interface MiniMapPhotos {
  ids: Int32Array
  /** the place of each in −1 … 1, [n, 2]; NaN where it has none */
  xy: Float32Array
}

export interface MiniMapLook {
  /** pixels of a side */
  side: number
  /** of photos without a label, which let what lies below them through */
  dots: Rgb
  /** how much a dot covers, 0–1 */
  opacity: number
}

/** A photo is a square of 2 pixels, or of 5 with a label: those are few, people look for them, and they are on top.
 * `labelled` gives the colour of a photo's label, null without one, undefined for a photo that is not drawn. */
export function miniMapPixels(
  { ids, xy }: MiniMapPhotos,
  labelled: (id: number) => Rgb | null | undefined,
  { side, dots, opacity }: MiniMapLook,
): Uint8ClampedArray<ArrayBuffer> {
  const open = new Float32Array(side * side).fill(1) // how much of the ground shows
  const pixels = new Uint8ClampedArray(4 * side * side)
  const at = (v: number): number => ((Math.max(-1.05, Math.min(1.05, v)) + 1.1) / 2.2) * side
  const cover = (i: number, width: number, each: (pixel: number) => void): void => {
    const [x, y] = [xy[2 * i]!, xy[2 * i + 1]!]
    if (Number.isNaN(x) || Number.isNaN(y)) return
    const [left, top] = [Math.round(at(x) - width / 2), Math.round(at(-y) - width / 2)]
    for (let row = Math.max(0, top); row < Math.min(side, top + width); row++) {
      for (let column = Math.max(0, left); column < Math.min(side, left + width); column++) each(row * side + column)
    }
  }
  const above: [number, Rgb][] = []
  for (const [i, id] of ids.entries()) {
    const colour = labelled(id)
    if (colour) above.push([i, colour])
    else if (colour === null) cover(i, 2, (pixel) => (open[pixel]! *= 1 - opacity))
  }
  for (const [pixel, shows] of open.entries()) if (shows < 1) pixels.set([...dots, 255 * (1 - shows)], 4 * pixel)
  for (const [i, colour] of above) cover(i, 5, (pixel) => pixels.set([...colour, 255], 4 * pixel))
  return pixels
}
