import type { GlColour } from './renderer'

/** The map's ground, 0 to 1: neither white nor black, so that photos on white or black paper show where they end. */
export const BACKGROUNDS: { light: GlColour; dark: GlColour } = {
  light: [0.89, 0.898, 0.91],
  dark: [0.125, 0.137, 0.157],
}
/** About each photo: a dark one would vanish on a dark ground, a light one on a light ground. */
export const HAIRLINE_COLOURS: { light: GlColour; dark: GlColour } = {
  light: [0.6, 0.61, 0.62],
  dark: [0.36, 0.37, 0.39],
}
/** Around a selected photo. */
export const RING_COLOURS: { light: GlColour; dark: GlColour } = { light: [0.05, 0.05, 0.06], dark: [1, 1, 1] }
