// Labels to give with a click: all of them can be reached, also where there are many with long names.

import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { KEYED, labels, matching } from '../state/labels'
import { FindLabel } from './FindLabel'
import { Swatch } from './LabelPanel'

interface Props {
  /** what a label is given to, as in "Label the kept photos" */
  name: string
  /** of the field that finds labels */
  id: string
  can: boolean
  onLabel: (name: string) => void
}

export function LabelChips({ name, id, can, onLabel }: Props): JSX.Element {
  const sought = useSignal('')
  const all = labels.value.names
  const many = all.length > KEYED
  const give = (label: string): void => {
    sought.value = ''
    document.getElementById(id)?.blur()
    if (can) onLabel(label)
  }
  return (
    <>
      {many && (
        <FindLabel
          id={id}
          text={sought.value}
          shortcut="G"
          found={matching(all, sought.value)}
          onText={(text) => {
            sought.value = text
          }}
          onTake={give}
        />
      )}
      <div class="chips" role="group" aria-label={name}>
        {(many ? matching(all, sought.value) : all).map((label) => {
          const place = all.indexOf(label)
          const key = place < KEYED ? String(place + 1) : ''
          return (
            <button
              type="button"
              key={label.name}
              class="chip"
              aria-disabled={!can}
              aria-keyshortcuts={key || undefined}
              title={label.name}
              onClick={() => give(label.name)}
            >
              <Swatch colour={label.colour} text={key} />
              <span dir="auto">{label.name}</span>
            </button>
          )
        })}
      </div>
    </>
  )
}
