import type { Rgb } from './renderer'

/** What the map is drawn on, and what rings a selected photo; parts of 1. */
export const BACKGROUNDS: { light: Rgb; dark: Rgb } = { light: [0.965, 0.965, 0.957], dark: [0.078, 0.082, 0.09] }
export const RING_COLOURS: { light: Rgb; dark: Rgb } = { light: [0.05, 0.05, 0.06], dark: [1, 1, 1] }
