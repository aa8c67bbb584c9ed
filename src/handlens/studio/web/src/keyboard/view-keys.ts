// Keys of a view of its own, which come before those of the page while the view is there.

import { useLayoutEffect } from 'preact/hooks'
import { pressed } from './key-names'
import { isField } from './keys'

/** Calls `handle` with each key pressed outside of fields; a key that it answers with true goes no further. */
export function useKeys(handle: (key: string, event: KeyboardEvent) => boolean): void {
  // A layout effect, so that it has the key that is pressed as soon as the view is there.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing || isField(event.target)) return
      if (!handle(pressed(event), event)) return
      event.preventDefault()
      event.stopPropagation()
    }
    addEventListener('keydown', onKey, true)
    return () => removeEventListener('keydown', onKey, true)
  })
}
