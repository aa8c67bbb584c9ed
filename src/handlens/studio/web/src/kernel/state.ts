// The state of the page "Kernel" and the actions that change it. All that can be computed from other state is.

import { computed, effect } from '@preact/signals'
import { CollectionApi } from '../server/api'
import { announce, sentenceOf } from '../state/messages'
import { owned } from '../state/owned'
import { number } from '../text/format'
import { type Place, readAddress, writeAddress } from './address'
import {
  convolve,
  middleOf,
  nearestOutput,
  outputLength,
  pad,
  products as productsOf,
  sum as sumOf,
  windowAt,
} from './convolve'
import { decode, type Picture, planeOf, rangeOf, type Shades, shaded, textOf, type White } from './picture'
import { PRESETS, parseNumber } from './presets'
import { scene } from './scene'

const first = readAddress(location.search)

// What the person has chosen
const [collection, setCollection] = owned(first.collection)
const [photo, setPhoto] = owned(first.photo)
/** The numbers of the kernel, as text. */
const [numbers, setNumbers] = owned<readonly string[]>(first.kernel)
export const [channels, setChannels] = owned(first.channels)
export const [stride, setStride] = owned(first.stride)
export const [padding, setPadding] = owned(first.padding)
/** The pixel asked for as the middle of the window. */
const [wanted, setWanted] = owned<Place | null>(first.at)
export const [shades, setShades] = owned<Shades>('rescaled')
/** The number shown for a white pixel. */
export const [white, setWhite] = owned<White>(255)

// The picture
const [picture, setPicture] = owned<Picture | null>(null)
const [loading, setLoading] = owned(true)
/** The picture could not be loaded: why. */
const [failed, setFailed] = owned<string | null>(null)
/** The names of the collection's photos. */
const [names, setNames] = owned<readonly string[]>([])

export { collection, failed, loading, names, numbers, photo, picture }

// Computed from these
/** The value of each number; while a number is being typed, the last valid one. */
const [kernel, setKernel] = owned<readonly number[]>(first.kernel.map((text) => parseNumber(text)!))
export const preset = computed(() => PRESETS.find((p) => p.numbers.join() === numbers.value.join()) ?? null)
const plane = computed(() => picture.value && planeOf(picture.value, channels.value))
/** What the window moves over as it is shown: the picture in colour, or the one plane in greys. */
export const seen = computed(() => {
  if (!picture.value || !plane.value || channels.value === 'all') return picture.value
  return { ...picture.value, rgba: shaded(plane.value, { black: 0, white: 255 }) }
})
const padded = computed(() => plane.value && pad(plane.value, padding.value))
export const output = computed(() => padded.value && convolve(padded.value, kernel.value, stride.value))
export const range = computed(() => output.value && rangeOf(output.value, shades.value))
/** Which output the window stands for. */
export const place = computed<Place>(() => {
  const now = picture.value
  if (!now) return { x: 0, y: 0 }
  const { x, y } = wanted.value ?? { x: now.width >> 1, y: now.height >> 1 }
  return {
    x: nearestOutput(x, now.width, stride.value, padding.value),
    y: nearestOutput(y, now.height, stride.value, padding.value),
  }
})
/** The pixel in the middle of the window; with padding the window itself can reach one pixel out. */
export const middle = computed<Place>(() => ({
  x: middleOf(place.value.x, stride.value, padding.value),
  y: middleOf(place.value.y, stride.value, padding.value),
}))
export const nine = computed(() =>
  padded.value ? windowAt(padded.value, place.value.x, place.value.y, stride.value) : [],
)
export const products = computed(() => productsOf(nine.value, kernel.value))
export const sum = computed(() => sumOf(products.value))

/** A number of the picture as it is written on the page. */
export const written = (value: number): string => textOf(value, white.value)

export function setNumber(at: number, text: string): void {
  setNumbers(numbers.value.with(at, text))
  const value = parseNumber(text)
  if (value !== null) setKernel(kernel.value.with(at, value))
}

export function usePreset(id: string): void {
  const found = PRESETS.find((p) => p.id === id)
  if (!found) return
  setNumbers(found.numbers)
  setKernel(found.numbers.map((text) => parseNumber(text)!))
}

/** Puts the middle of the window on a pixel, or as near to it as it goes. */
export function moveTo(to: Place): void {
  setWanted(to)
}

/** Puts the window where it gives this output. */
export const moveToOutput = ({ x, y }: Place): void =>
  moveTo({ x: middleOf(x, stride.value, padding.value), y: middleOf(y, stride.value, padding.value) })

/** Moves the window by outputs, and says where it is. */
export function step(dx: number, dy: number): void {
  const now = picture.value
  if (!now) return
  const inside = (o: number, n: number): number =>
    Math.min(Math.max(o, 0), outputLength(n, stride.value, padding.value) - 1)
  moveToOutput({ x: inside(place.value.x + dx, now.width), y: inside(place.value.y + dy, now.height) })
  announce(`Output column ${place.value.x + 1}, row ${place.value.y + 1}: ${written(sum.value)}`)
}

export function choose(of: string | null, at = 0): void {
  if (of !== collection.value) setNames([])
  setCollection(of)
  setPhoto(at)
  setWanted(null)
  void load()
}

/** The next photo of the collection, or one before; after the last comes the first. */
export function stepPhoto(by: number): void {
  const n = names.value.length
  if (n > 0) choose(collection.value, (photo.value + by + n) % n)
}

let latest = 0

export async function load(): Promise<void> {
  const mine = ++latest
  setFailed(null)
  setLoading(true)
  try {
    const found = await fetchPicture(collection.value, photo.value)
    if (mine === latest) setPicture(found)
  } catch (error) {
    if (mine === latest) setFailed(sentenceOf(error))
  }
  if (mine === latest) setLoading(false)
}

async function fetchPicture(of: string | null, at: number): Promise<Picture> {
  if (of === null) return scene()
  const api = new CollectionApi(of)
  if (names.value.length === 0) {
    const { paths } = await api.photos()
    if (of === collection.value) setNames(paths)
  }
  return decode(await api.smallPicture(at), names.value[at] ?? `photo ${number(at + 1)}`)
}

/** Updates the page's address a moment after the last change: browsers allow few changes a second. */
export function keepAddress(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = effect(() => {
    const query = writeAddress({
      collection: collection.value,
      photo: photo.value,
      kernel: numbers.value.map((text, i) => (parseNumber(text) === null ? String(kernel.value[i]) : text)),
      channels: channels.value,
      stride: stride.value,
      padding: padding.value,
      at: wanted.value,
    })
    clearTimeout(timer)
    timer = setTimeout(() => history.replaceState(null, '', `${location.pathname}${query}`), 250)
  })
  return () => {
    stop()
    clearTimeout(timer)
  }
}
