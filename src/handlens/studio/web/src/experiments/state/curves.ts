// What the runs recorded epoch by epoch, and how the curves of many are drawn together.

/** By the number recorded, then by run: what was recorded after each epoch, nan where nothing was. */
export type Curves = ReadonlyMap<string, ReadonlyMap<number, Float32Array>>

/** The curves of some runs, those that recorded anything. */
export const curvesOf = (curves: Curves, number: string, runs: readonly number[]): Float32Array[] =>
  runs.flatMap((run) => curves.get(number)?.get(run) ?? []).filter((curve) => curve.some(Number.isFinite))

/** What a graph shows beside each other unless asked for another number. */
export const LOSSES = ['train_loss', 'valid_loss'] as const

const longest = (curves: readonly Float32Array[]): number =>
  curves.reduce((most, curve) => Math.max(most, curve.length), 0)

export interface Frame {
  /** of the epochs, from 1 */
  epochs: number
  low: number
  high: number
}

/**
 * The frame that all graphs share. It holds all that is low, and all but the highest twentieth of what comes after the
 * first epoch: what a training begins with would press the rest flat.
 */
export function frameOf(curves: readonly Float32Array[]): Frame | null {
  const epochs = longest(curves)
  const all = new Float32Array(curves.length * epochs)
  let n = 0
  for (const curve of curves) {
    for (let i = epochs > 2 && curve.length > 1 ? 1 : 0; i < curve.length; i++) {
      if (Number.isFinite(curve[i])) all[n++] = curve[i]!
    }
  }
  const values = all.subarray(0, n).sort()
  if (values.length === 0) return null
  const low = values[0]!
  const high = values[Math.ceil(0.95 * (values.length - 1))]!
  return { epochs, low, high: high > low ? high : low + (Math.abs(low) || 1) }
}

export interface Band {
  low: number[]
  middle: number[]
  high: number[]
}

/** For each epoch the middle half of the curves that reach it, and their median. */
export function bandOf(curves: readonly Float32Array[]): Band {
  const band: Band = { low: [], middle: [], high: [] }
  const epochs = longest(curves)
  for (let epoch = 0; epoch < epochs; epoch++) {
    const values = sortedAt(curves, epoch)
    const at = (share: number): number => values[Math.round(share * (values.length - 1))] ?? Number.NaN
    band.low.push(at(0.25))
    band.middle.push(at(0.5))
    band.high.push(at(0.75))
  }
  return band
}

/** The first and the last median of the curves, and how many epochs have one; null if none has. */
export function endsOf(curves: readonly Float32Array[]): { first: number; last: number; epochs: number } | null {
  const known = Array.from({ length: longest(curves) }, (_, epoch) => epoch).filter((epoch) =>
    curves.some((curve) => Number.isFinite(curve[epoch])),
  )
  if (known.length === 0) return null
  const medianAt = (epoch: number): number => {
    const values = sortedAt(curves, epoch)
    return values[Math.round(0.5 * (values.length - 1))]!
  }
  return { first: medianAt(known[0]!), last: medianAt(known.at(-1)!), epochs: known.length }
}

/** What the curves that reach an epoch have there, the lowest first. */
function sortedAt(curves: readonly Float32Array[], epoch: number): Float32Array {
  const values = new Float32Array(curves.length)
  let n = 0
  for (const curve of curves) {
    const value = curve[epoch]
    if (value !== undefined && Number.isFinite(value)) values[n++] = value
  }
  return values.subarray(0, n).sort()
}
