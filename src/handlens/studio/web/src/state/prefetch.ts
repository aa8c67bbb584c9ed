// Photos fetched before they are looked at, so that each is sharp when its turn comes. Few at a time and in the order in
// which they are wanted, each small and then large; what is no longer wanted gives way, so that fast keys starve nothing.

import { api } from './collection'
import { owned } from './owned'

/** Requests at a time: a browser opens six connections to a server, and the rest of the page needs some. */
const LANES = 3

/** Pictures that are kept after their turn, for those who go back. */
const KEPT = 24

/** Milliseconds until a photo on the screen that could not be fetched is tried again. */
const AGAIN = 3000

type Size = 'thumb' | 'picture'
interface Job {
  id: number
  size: Size
  address: string
}

/** By photo what of it can be shown at once: its thumbnail or its picture; “broken” where the picture did not come. */
const [fetched, setFetched] = owned<ReadonlyMap<number, Size | 'broken'>>(new Map())

export { fetched }

let onScreen: readonly number[] = []
let wanted: readonly Job[] = []
/** The pictures that were fetched or are on their way, by address; the browser shows these without another request. */
const images = new Map<string, HTMLImageElement>()
const onTheWay = new Set<string>()
let timer: ReturnType<typeof setTimeout> | undefined

/**
 * Fetches photos in this order: the one on the screen, then those that are probably next. Nothing else is wanted; after
 * a call of what is returned neither are these, unless others took their place at once.
 */
export function wantPhotos(ids: readonly number[]): () => void {
  onScreen = ids
  wanted = ids.flatMap((id) => [
    { id, size: 'thumb', address: api.thumb(id) },
    { id, size: 'picture', address: api.picture(id) },
  ])
  const addresses = new Set(wanted.map((job) => job.address))
  for (const address of onTheWay) if (!addresses.has(address)) giveUp(address)
  const others = [...images.keys()].filter((address) => !addresses.has(address))
  for (const address of others.slice(0, Math.max(0, others.length - 2 * KEPT))) images.delete(address)
  clearTimeout(timer)
  const first = ids[0]
  if (first !== undefined && fetched.value.get(first) === 'broken') {
    timer = setTimeout(() => tryAgain(first, ids), AGAIN)
  }
  fill()
  return () => {
    setTimeout(() => {
      if (onScreen === ids) wantPhotos([])
    })
  }
}

function tryAgain(id: number, ids: readonly number[]): void {
  const left = new Map(fetched.value)
  left.delete(id)
  setFetched(left)
  images.delete(api.thumb(id))
  images.delete(api.picture(id))
  wantPhotos(ids)
}

function giveUp(address: string): void {
  const image = images.get(address)
  images.delete(address)
  onTheWay.delete(address)
  if (image) image.src = ''
}

function fill(): void {
  for (const job of wanted) {
    if (onTheWay.size >= LANES) return
    if (!images.has(job.address)) void fetchOne(job)
  }
}

async function fetchOne({ id, size, address }: Job): Promise<void> {
  const image = new Image()
  images.set(address, image)
  onTheWay.add(address)
  image.src = address
  const came = await image.decode().then(
    () => true,
    () => false,
  )
  if (images.get(address) !== image) return // given up
  onTheWay.delete(address)
  if (came || size === 'picture') note(id, came ? size : 'broken')
  fill()
}

function note(id: number, what: Size | 'broken'): void {
  if (what === 'thumb' && fetched.value.get(id) === 'picture') return
  setFetched(new Map(fetched.value).set(id, what))
  if (what === 'broken' && onScreen[0] === id) wantPhotos(onScreen)
}
