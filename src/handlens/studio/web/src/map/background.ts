import type { GlColour } from './renderer'

/** The colours of the map's background and of the ring around a selected photo, 0 to 1. */
export const BACKGROUNDS: { light: GlColour; dark: GlColour } = {
  light: [0.965, 0.965, 0.957],
  dark: [0.078, 0.082, 0.09],
}
export const RING_COLOURS: { light: GlColour; dark: GlColour } = { light: [0.05, 0.05, 0.06], dark: [1, 1, 1] }
