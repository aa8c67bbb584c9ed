// One scale of colours for numbers: a straight line in OKLab (Ottosson 2020), from blue to yellow. Equal steps look
// equal, and as lightness grows along it, it reads the same with any colour vision. On the light page it is darker.

import type { Theme } from '../state/theme'
import { type Rgb, rgb } from './contrast'

const ENDS: Record<Theme, readonly [string, string]> = {
  dark: ['#4a6fd8', '#fff3a3'],
  light: ['#10206b', '#a07300'],
}

/** The colour of a number from 0 to 1. */
export function rampOf(t: number, theme: Theme): [number, number, number] {
  const [low, high] = ENDS[theme].map((hex) => oklab(rgb(hex))) as [number[], number[]]
  const at = Math.max(0, Math.min(1, t))
  return bytesOf(low.map((v, i) => v + at * (high[i]! - v)))
}

/** The same as a CSS gradient to the right. */
export function rampCss(theme: Theme): string {
  const stops = Array.from({ length: 9 }, (_, i) => `rgb(${rampOf(i / 8, theme).join(' ')})`)
  return `linear-gradient(to right, ${stops.join(', ')})`
}

type Matrix = readonly (readonly [number, number, number])[]

const TO_LMS: Matrix = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
]
const TO_LAB: Matrix = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
]
const FROM_LAB: Matrix = [
  [1, 0.3963377774, 0.2158037573],
  [1, -0.1055613458, -0.0638541728],
  [1, -0.0894841775, -1.291485548],
]
const FROM_LMS: Matrix = [
  [4.0767416621, -3.3077115913, 0.2309699292],
  [-1.2684380046, 2.6097574011, -0.3413193965],
  [-0.0041960863, -0.7034186147, 1.707614701],
]

const times = (m: Matrix, v: readonly number[]): number[] =>
  m.map((row) => row[0] * v[0]! + row[1] * v[1]! + row[2] * v[2]!)

export function oklab(colour: Rgb): number[] {
  const linear = colour.map((byte) => {
    const c = byte / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return times(TO_LAB, times(TO_LMS, linear).map(Math.cbrt))
}

function bytesOf(lab: readonly number[]): [number, number, number] {
  const linear = times(
    FROM_LMS,
    times(FROM_LAB, lab).map((v) => v ** 3),
  )
  return linear.map((c) => {
    const s = c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055
    return Math.round(255 * Math.max(0, Math.min(1, s)))
  }) as [number, number, number]
}
