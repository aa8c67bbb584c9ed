// A line through points, with gaps where there is no number.

/** The path of an SVG through these points; a lone point becomes a short stroke, which can be seen. */
export function lineOf(
  epochs: ArrayLike<number>,
  values: ArrayLike<number>,
  x: (epoch: number) => number,
  y: (value: number) => number,
): string {
  let path = ''
  let drawing = false
  for (let i = 0; i < values.length; i++) {
    const at = y(values[i]!)
    if (!Number.isFinite(at)) {
      drawing = false
      continue
    }
    path += `${drawing ? 'L' : 'M'}${short(x(epochs[i]!))} ${short(at)}`
    if (!drawing) path += 'h0'
    drawing = true
  }
  return path
}

const short = (pixels: number): string => String(Math.round(pixels * 100) / 100)
