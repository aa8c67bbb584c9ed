// The steps of working with Studio, in two lines each.

import type { JSX } from 'preact'
import { Dialog } from './Dialog'
import { STEPS } from './help-steps'

export function Help(): JSX.Element {
  return (
    <Dialog title="Help" class="wide">
      <ol class="steps">
        {STEPS.map(({ title, lines }) => (
          <li key={title}>
            <h3>{title}</h3>
            <p>{lines[0]}</p>
            <p>{lines[1]}</p>
          </li>
        ))}
      </ol>
    </Dialog>
  )
}
