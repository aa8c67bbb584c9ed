// Where in the page the person is: the address, as state.

import { owned } from '../../state/owned'
import { type Address, AT_FIRST, readAddress, writeAddress } from './address'

const [place, setPlace] = owned<Address>(AT_FIRST)

export { place }

let timer: ReturnType<typeof setTimeout> | undefined

/** Writes the address of what is shown over the one before. */
function write(): void {
  clearTimeout(timer)
  history.replaceState(null, '', writeAddress(place.value))
}

/** Goes somewhere else, from where Back leads here. */
export function go(to: Partial<Address>): void {
  write()
  setPlace({ ...place.value, ...to })
  const address = writeAddress(place.value)
  // An address that is the same is not a new place.
  if (address !== `${location.pathname}${location.search}`) history.pushState(null, '', address)
}

/** Changes a detail of what is shown, for which Back has no step of its own. */
export function adjust(to: Partial<Address>): void {
  setPlace({ ...place.value, ...to })
  clearTimeout(timer)
  // Browsers allow few changes a second.
  timer = setTimeout(write, 250)
}

/** Takes the place from the browser's address, now and whenever Back or Forward changes it. */
export function keepPlace(): () => void {
  const take = (): void => {
    clearTimeout(timer)
    setPlace(readAddress(location.pathname, location.search))
  }
  take()
  addEventListener('popstate', take)
  return () => {
    clearTimeout(timer)
    removeEventListener('popstate', take)
  }
}
