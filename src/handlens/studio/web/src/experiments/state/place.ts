// Where in the page the person is: the address, as state.

import { owned } from '../../state/owned'
import { type Address, AT_FIRST, readAddress, writeAddress } from './address'

const now = (): Address => readAddress(location.pathname, location.search)

const [place, setPlace] = owned<Address>(AT_FIRST)

export { place }

/** Goes somewhere else, from where Back leads here. */
export const go = (to: Partial<Address>): void => move(to, 'pushState')

/** Changes a detail of what is shown, which Back does not undo by itself. */
export const adjust = (to: Partial<Address>): void => move(to, 'replaceState')

function move(to: Partial<Address>, how: 'pushState' | 'replaceState'): void {
  const next = { ...place.value, ...to }
  const address = writeAddress(next)
  // An address that is the same is no new place.
  if (address !== `${location.pathname}${location.search}`) history[how](null, '', address)
  setPlace(next)
}

/** Takes the place from the browser's address, now and whenever Back or Forward changes it. */
export function keepPlace(): () => void {
  const take = (): void => setPlace(now())
  take()
  addEventListener('popstate', take)
  return () => removeEventListener('popstate', take)
}
