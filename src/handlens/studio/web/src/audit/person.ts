// Who decides: a name for the log, remembered by this browser.

import { effect, signal } from '@preact/signals'

const KEY = 'handlens-reviewer'

function remembered(): string {
  try {
    return localStorage.getItem(KEY) ?? ''
  } catch {
    return '' // a browser that keeps nothing
  }
}

export const person = signal(remembered())

effect(() => {
  const name = person.value
  try {
    localStorage.setItem(KEY, name)
  } catch {
    // It is asked again next time.
  }
})
