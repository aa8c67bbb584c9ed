/** Number of colours that people can tell apart; further labels repeat them with another pattern of the frame. */
export const COLOURS = 10

/** Patterns of the frame, by their CSS `border-style`, so that a legend can draw them alike. */
export const PATTERNS = ['solid', 'dashed', 'dotted', 'double'] as const

/** Index into PATTERNS for a label's colour index; the patterns repeat after the fortieth label. */
export function patternOf(mark: number): number {
  return mark < 0 ? 0 : Math.floor(mark / COLOURS) % PATTERNS.length
}

/** Thumbnails smaller than this, in CSS pixels, have their label's colour along their lower edge alone. */
export const EDGE_BELOW = 14

/**
 * Widths in CSS pixels of the hairline, the label frame and the selection ring about a thumbnail of the given side.
 *
 * Frames are thin about small photos: they lie on the photos beside them, and at 10 px a frame of 2 px would take as much
 * of the map as the photo itself.
 */
export function frameWidths(side: number): { hairline: number; frame: number; ring: number } {
  return {
    hairline: side >= EDGE_BELOW ? 1 : 0,
    frame: Math.min(5, Math.max(1.25, side * 0.07)),
    ring: Math.min(5, Math.max(1.5, side * 0.07)),
  }
}
