// The name of the person who decides, for the log.

import type { JSX } from 'preact'
import { person, setPerson } from './person'

export function PersonField({ label }: { label: string }): JSX.Element {
  return (
    <label class="field">
      {label}
      <input
        type="text"
        required
        maxLength={200}
        autocomplete="name"
        value={person.value}
        onInput={(event) => setPerson(event.currentTarget.value)}
      />
    </label>
  )
}
