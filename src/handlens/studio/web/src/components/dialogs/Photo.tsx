// One photo large, with its label, its prediction and what the model looked at.

import type { JSX } from 'preact'
import { kernelPage } from '../../kernel/address'
import { api, count, nameOf } from '../../state/collection'
import { openDialog } from '../../state/dialogs'
import { labelOf } from '../../state/labels'
import { predictions } from '../../state/model'
import { selectPhoto } from '../../state/selecting'
import { selected } from '../../state/selection'
import { number, percent } from '../../text/format'
import { LookedAt } from '../HeatMap'
import { Icon } from '../icons'
import { Dialog } from './Dialog'

export function Photo({ id }: { id: number }): JSX.Element {
  const said = predictions.value
  const code = said?.codes[id] ?? -1
  const isSelected = selected.value[id] === 1
  return (
    <Dialog title={nameOf(id)} class="photo-dialog">
      <LookedAt id={id} />
      <p class="about">
        <span>{labelOf(id) === null ? 'No label' : `Label: ${labelOf(id)}`}</span>
        {said && code >= 0 && (
          <span>
            Predicted: {said.names[code]}, {percent(said.probability[id]!)}
          </span>
        )}
        <span class="hint">
          {number(id + 1)} of {number(count.value)}
        </span>
        <span class="actions">
          {/* In a tab of its own: what is selected here stays. */}
          <a class="button" href={kernelPage(api.id, id)} target="_blank" rel="noopener">
            <Icon name="kernel" /> Look through a kernel
          </a>
          {said && code >= 0 && (
            <button type="button" class="button" onClick={() => openDialog({ kind: 'contest', id })}>
              Contest…
            </button>
          )}
          <button type="button" class="button" onClick={() => selectPhoto(id, isSelected ? 'remove' : 'add')}>
            {isSelected ? 'Take from the selection' : 'Add to the selection'}
          </button>
        </span>
      </p>
    </Dialog>
  )
}
