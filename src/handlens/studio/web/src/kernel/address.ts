// The part of the page's state that is in its address, so that it can be saved or shared. Defaults are left out.

import type { Padding, Stride } from './convolve'
import type { Channels } from './picture'
import { PRESETS, parseNumber } from './presets'

export interface Place {
  x: number
  y: number
}

export interface Address {
  /** whose photo; null: the built-in picture */
  collection: string | null
  photo: number
  /** nine numbers as they are written */
  kernel: readonly string[]
  channels: Channels
  stride: Stride
  padding: Padding
  /** the pixel in the middle of the window; null: that of the picture */
  at: Place | null
}

export const CHANNELS: readonly Channels[] = ['all', 'grey', 'red', 'green', 'blue']
export const PADDINGS: readonly Padding[] = ['none', 'zeros', 'reflection']

const whole = (text: string | null): number | null => (text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null)

/** Reads `?collection=…&photo=…`; invalid values become the defaults. */
export function readAddress(search: string): Address {
  const query = new URLSearchParams(search)
  const kernel = (query.get('kernel') ?? '').split(',')
  const [x, y, ...rest] = (query.get('at') ?? '').split(',').map(whole)
  const oneOf = <T extends string>(name: string, choices: readonly T[]): T =>
    choices.find((choice) => choice === query.get(name)) ?? choices[0]!
  return {
    collection: query.get('collection') || null,
    photo: whole(query.get('photo')) ?? 0,
    kernel: kernel.length === 9 && kernel.every((text) => parseNumber(text) !== null) ? kernel : PRESETS[0]!.numbers,
    channels: oneOf('channels', CHANNELS),
    stride: query.get('stride') === '2' ? 2 : 1,
    padding: oneOf('padding', PADDINGS),
    at: x != null && y != null && rest.length === 0 ? { x, y } : null,
  }
}

/** The same as a query: empty if everything has its default. */
export function writeAddress({ collection, photo, kernel, channels, stride, padding, at }: Address): string {
  const parts = [
    collection !== null && `collection=${encodeURIComponent(collection)}&photo=${photo}`,
    // A plus sign means a space in a query.
    kernel.join() !== PRESETS[0]!.numbers.join() && `kernel=${kernel.join().replace(/[\s+]/g, '')}`,
    channels !== CHANNELS[0] && `channels=${channels}`,
    stride !== 1 && `stride=${stride}`,
    padding !== PADDINGS[0] && `padding=${padding}`,
    at !== null && `at=${at.x},${at.y}`,
  ].filter(Boolean)
  return parts.length > 0 ? `?${parts.join('&')}` : ''
}

/** Where a photo of a collection is looked at through a kernel. */
export const kernelPage = (collection: string, photo: number): string =>
  `/kernel${writeAddress({ ...readAddress(''), collection, photo })}`
