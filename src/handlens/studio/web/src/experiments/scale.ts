// Scales of charts: where a number lies between the ends of an axis, and which numbers are written beside it.

/** An axis from `low` to `high`, both finite, with equal steps or equal ratios. */
export interface Scale {
  readonly low: number
  readonly high: number
  readonly log: boolean
}

/** The scale that holds these numbers, those that are not finite left out; a log scale those above zero. */
export function scaleOf(values: Iterable<number>, log = false): Scale {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  if (low > high) return log ? { low: 1, high: 10, log } : { low: 0, high: 1, log }
  if (low < high) return { low, high, log }
  // One number alone lies in the middle.
  if (log) return { low: low / 10, high: high * 10, log }
  const room = Math.abs(low) || 1
  return { low: low - room / 2, high: high + room / 2, log }
}

/** 0 at the low end to 1 at the high one. */
export const placeOf = ({ low, high, log }: Scale, value: number): number =>
  log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)

/** The number at a place; the inverse of `placeOf`. */
export const valueAt = ({ low, high, log }: Scale, place: number): number =>
  log ? low * (high / low) ** place : low + place * (high - low)

/** Round numbers of the scale, `most` at the most. */
export function ticksOf(scale: Scale, most: number): number[] {
  if (!scale.log) return evenTicks(scale, most)
  const first = Math.floor(Math.log10(scale.low))
  const powers = Array.from({ length: Math.ceil(Math.log10(scale.high)) - first + 1 }, (_, i) => first + i)
  for (const mantissas of [
    [1, 2, 5],
    [1, 3],
  ]) {
    const ticks = powers.flatMap((p) => mantissas.map((m) => power(m, p))).filter((v) => isWithin(scale, v))
    if (ticks.length <= most && ticks.length > 2) return ticks
  }
  const tens = powers.filter((p) => isWithin(scale, power(1, p)))
  if (tens.length < 2) return evenTicks(scale, most)
  const every = Math.ceil(tens.length / most)
  return tens.filter((p) => p % every === 0 || every === 1).map((p) => power(1, p))
}

function evenTicks({ low, high }: Scale, most: number): number[] {
  const rough = (high - low) / Math.max(1, most - 1)
  const ten = Math.floor(Math.log10(rough))
  const mantissa = rough / 10 ** ten
  const [m, p] = mantissa <= 1 ? [1, ten] : mantissa <= 2 ? [2, ten] : mantissa <= 5 ? [5, ten] : [1, ten + 1]
  const step = power(m, p)
  const ticks: number[] = []
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    // By division where steps are below one, so that 3 × 0.1 is 0.3; never −0.
    ticks.push((p < 0 ? (i * m) / 10 ** -p : i * step) + 0)
  }
  return ticks
}

const power = (m: number, p: number): number => (p < 0 ? m / 10 ** -p : m * 10 ** p)

const isWithin = ({ low, high }: Scale, value: number): boolean =>
  value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)

const plain = [1, 2, 3, 4, 5, 6].map((digits) => new Intl.NumberFormat('en', { maximumSignificantDigits: digits }))

/** A number as people read it: four digits that count, and powers of ten where there would be many zeros. */
export function figure(value: number, digits: 1 | 2 | 3 | 4 | 5 | 6 = 4): string {
  if (Number.isNaN(value)) return 'not a number'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string]
    const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa
    return minus(`${short}e${exponent.replace('+', '')}`)
  }
  return minus(size >= 10 ** digits ? String(Math.round(value)) : plain[digits - 1]!.format(value).replace(/,/g, ''))
}

/** The same with its sign, for differences. */
export const signed = (value: number): string => `${value > 0 ? '+' : ''}${figure(value, 3)}`

const minus = (text: string): string => text.replaceAll('-', '−')
