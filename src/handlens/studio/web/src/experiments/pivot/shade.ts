// The colour of a cell of the pivot: the better its number, the more of one blue, on which text stays readable.

/** The blue, and the most of it that a cell has; the contrast of text on it is tested. */
export const SHADE = { hex: '#3f90da', most: 0.45 }

/** The numbers at the ends of the scale; `beyond` says that some are worse than its end. */
export interface Shading {
  best: number
  worst: number
  beyond: boolean
}

/** How far from the middle half a number may lie, in widths of that half, and still stretch the scale. */
const FAR = 3

/** Of fewer numbers none is left out. */
const MANY = 8

/** The scale of these numbers; one that is far worse than most does not leave the others without difference. */
export function shadingOf(values: readonly number[], smallerIsBetter: boolean): Shading | null {
  const ranked = values.filter(Number.isFinite).sort((a, b) => (smallerIsBetter ? a - b : b - a))
  if (ranked.length === 0) return null
  if (ranked.length < MANY) return { best: ranked[0]!, worst: ranked.at(-1)!, beyond: false }
  const at = (share: number): number => ranked[Math.round(share * (ranked.length - 1))]!
  const fence = Math.abs(at(0.75) - at(0.25)) * FAR
  // Where most are equal, none is far from them.
  if (fence === 0) return { best: ranked[0]!, worst: ranked.at(-1)!, beyond: false }
  const within = ranked.filter((value) => Math.abs(value - at(0.75)) <= fence || Math.abs(value - at(0.5)) <= fence)
  const worst = within.at(-1) ?? ranked.at(-1)!
  return { best: ranked[0]!, worst, beyond: worst !== ranked.at(-1) }
}

/** 1 for the best to 0 for the worst; for all that are equal the middle. */
export function shareOf(value: number, { best, worst }: Shading): number {
  if (best === worst) return 0.5
  return Math.max(0, Math.min(1, (worst - value) / (worst - best)))
}

export const shade = (share: number): string =>
  `color-mix(in srgb, ${SHADE.hex} ${Math.round(100 * SHADE.most * share)}%, var(--raised))`
