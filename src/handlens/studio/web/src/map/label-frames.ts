/** Number of colours that people can tell apart; further labels repeat them with another pattern of the frame. */
export const COLOURS = 10

/** Patterns of the frame, by their CSS `border-style`, so that a legend can draw them alike. */
export const PATTERNS = ['solid', 'dashed', 'dotted', 'double'] as const

/** Index into PATTERNS for a label's colour index; the patterns repeat after the fortieth label. */
export function patternOf(mark: number): number {
  return mark < 0 ? 0 : Math.floor(mark / COLOURS) % PATTERNS.length
}

/** Widths in CSS pixels of the hairline, the label frame and the selection ring about a thumbnail of the given side. */
export function frameWidths(side: number): { hairline: number; frame: number; ring: number } {
  return {
    hairline: side >= 20 ? 1 : 0,
    frame: Math.min(5, Math.max(2, side * 0.07)),
    ring: Math.min(5, Math.max(2.5, side * 0.07)),
  }
}
