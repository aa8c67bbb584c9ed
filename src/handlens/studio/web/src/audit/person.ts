// Who decides: a name for the log, remembered by this browser.

import { effect } from '@preact/signals'
import { owned } from '../state/owned'

const KEY = 'handlens-reviewer'

function remembered(): string {
  try {
    return localStorage.getItem(KEY) ?? ''
  } catch {
    return '' // this browser stores nothing
  }
}

export const [person, setPerson] = owned(remembered())

effect(() => {
  const name = person.value
  try {
    localStorage.setItem(KEY, name)
  } catch {
    // The name is asked for again next time.
  }
})
