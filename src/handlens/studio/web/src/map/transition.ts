export const TRANSITION_MS = 600

/** Slow start, slow end: 0 to 1 over 0 to 1, clamped. */
export function ease(t: number): number {
  if (t <= 0) return 0
  if (t >= 1) return 1
  return t < 0.5 ? 4 * t * t * t : 1 - (-2 * t + 2) ** 3 / 2
}

/** Where the photos are a share `t` of the way; a photo with no old place stands at its new one. Shapes [N, 2]. */
export function interpolated(from: Float32Array, to: Float32Array, t: number): Float32Array {
  const now = new Float32Array(to.length)
  for (let i = 0; i < to.length; i++) {
    const start = from[i]!
    const end = to[i]!
    now[i] = Number.isNaN(start) ? end : start + (end - start) * t
  }
  return now
}

export function prefersReducedMotion(): boolean {
  return typeof matchMedia === 'function' && matchMedia('(prefers-reduced-motion: reduce)').matches
}
