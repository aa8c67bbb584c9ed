// Buttons in the model's panel that open the checks of the model and its data.

import type { JSX } from 'preact'
import { openDialog } from '../state/dialogs'

const DIALOGS = [
  { kind: 'split', name: 'Split by…', tip: 'Which groups the model fails: its accuracy by camera, site, skin tone, …' },
  { kind: 'queue', name: 'Review queue…', tip: 'Predictions that it is not sure of, one at a time' },
  { kind: 'datasheet', name: 'Datasheet…', tip: 'What these photos are, for the people who use them after you' },
] as const

export function AuditPanel(): JSX.Element {
  return (
    <div class="audit" role="group" aria-label="Audit">
      <h3>Audit</h3>
      {DIALOGS.map(({ kind, name, tip }) => (
        <button type="button" key={kind} class="button wide" data-tip={tip} onClick={() => openDialog({ kind })}>
          {name}
        </button>
      ))}
    </div>
  )
}
