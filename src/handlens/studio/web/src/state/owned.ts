// State that only one module can change: everybody reads the signal, the module that makes it keeps the setter
// or exports it as an action of its own.

import { type ReadonlySignal, signal } from '@preact/signals'

/** A signal that cannot be assigned to, and the function that sets it. */
export function owned<T>(initial: T): [ReadonlySignal<T>, (next: T) => void] {
  const state = signal(initial)
  return [
    state,
    (next) => {
      state.value = next
    },
  ]
}
