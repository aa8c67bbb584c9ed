// Who decides: a name for the log, remembered by this browser.

import { effect } from '@preact/signals'
import { owned } from '../state/owned'

const KEY = 'handlens-reviewer'

function remembered(): string {
  try {
    return localStorage.getItem(KEY) ?? ''
  } catch {
    return '' // a browser that keeps nothing
  }
}

export const [person, setPerson] = owned(remembered())

effect(() => {
  const name = person.value
  try {
    localStorage.setItem(KEY, name)
  } catch {
    // It is asked again next time.
  }
})
