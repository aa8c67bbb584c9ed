import type { GlColour } from './renderer'

/** The colours of the map's background and of the lines around photos, 0 to 1. */
export const BACKGROUNDS: { light: GlColour; dark: GlColour } = {
  light: [0.965, 0.965, 0.957],
  dark: [0.078, 0.082, 0.09],
}
/** About each photo: a dark one would vanish on a dark ground, a light one on a light ground. */
export const HAIRLINE_COLOURS: { light: GlColour; dark: GlColour } = {
  light: [0.6, 0.61, 0.62],
  dark: [0.36, 0.37, 0.39],
}
/** Around a selected photo. */
export const RING_COLOURS: { light: GlColour; dark: GlColour } = { light: [0.05, 0.05, 0.06], dark: [1, 1, 1] }
