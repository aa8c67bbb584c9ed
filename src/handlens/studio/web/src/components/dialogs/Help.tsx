// What Studio is for: its steps in two lines each, and all keys and gestures.

import type { JSX } from 'preact'
import { owned } from '../../state/owned'
import { Dialog } from './Dialog'
import { STEPS } from './help-steps'
import { Keys } from './Keys'

const PARTS = ['Steps', 'Keys'] as const

/** The part that was looked at last. */
const [part, setPart] = owned<(typeof PARTS)[number]>('Steps')

export function Help(): JSX.Element {
  return (
    <Dialog title="Help" class="wide">
      <div class="parts" role="group" aria-label="Part">
        {PARTS.map((name) => (
          <button
            type="button"
            key={name}
            class="button"
            aria-pressed={part.value === name}
            onClick={() => setPart(name)}
          >
            {name}
          </button>
        ))}
      </div>
      {part.value === 'Steps' ? <Steps /> : <Keys />}
    </Dialog>
  )
}

function Steps(): JSX.Element {
  return (
    <ol class="steps">
      {STEPS.map(({ title, lines }) => (
        <li key={title}>
          <h3>{title}</h3>
          <p>{lines[0]}</p>
          <p>{lines[1]}</p>
        </li>
      ))}
    </ol>
  )
}
