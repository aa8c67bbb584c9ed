// How different colours look.

export type Triple = [number, number, number]

/** CIELAB under daylight (D65) of linear sRGB. */
export function lab([r, g, b]: Triple): Triple {
  const [x, y, z] = [
    (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047,
    0.2126729 * r + 0.7151522 * g + 0.072175 * b,
    (0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883,
  ].map((v) => (v > 216 / 24389 ? Math.cbrt(v) : ((24389 / 27) * v + 16) / 116)) as Triple
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

const rad = (degrees: number): number => (degrees * Math.PI) / 180
const sin = (degrees: number): number => Math.sin(rad(degrees))
const cos = (degrees: number): number => Math.cos(rad(degrees))
const bend = (c: number): number => Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7))

/** CIEDE2000 of two colours in CIELAB (Sharma, Wu & Dalal 2005): about 1 is just seen, 10 at a glance. */
export function difference([l1, a1, b1]: Triple, [l2, a2, b2]: Triple): number {
  const g = 0.5 * (1 - bend((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2))
  const [x1, x2] = [a1 * (1 + g), a2 * (1 + g)]
  const [c1, c2] = [Math.hypot(x1, b1), Math.hypot(x2, b2)]
  const [h1, h2] = [x1, x2].map((x, i) => (Math.atan2([b1, b2][i]!, x) * (180 / Math.PI) + 360) % 360) as [
    number,
    number,
  ]
  const grey = c1 * c2 === 0
  const turn = grey ? 0 : ((h2 - h1 + 540) % 360) - 180
  const hue = grey ? h1 + h2 : (h1 + turn / 2 + 360) % 360
  const [l, c] = [(l1 + l2) / 2, (c1 + c2) / 2]
  const t = 1 - 0.17 * cos(hue - 30) + 0.24 * cos(2 * hue) + 0.32 * cos(3 * hue + 6) - 0.2 * cos(4 * hue - 63)
  const light = (l2 - l1) / (1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2))
  const chroma = (c2 - c1) / (1 + 0.045 * c)
  const round = (2 * Math.sqrt(c1 * c2) * sin(turn / 2)) / (1 + 0.015 * c * t)
  const twist = -sin(60 * Math.exp(-(((hue - 275) / 25) ** 2))) * 2 * bend(c)
  return Math.sqrt(light ** 2 + chroma ** 2 + round ** 2 + twist * chroma * round)
}
