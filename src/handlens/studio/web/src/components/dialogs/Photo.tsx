// One photo large, with its label, its prediction and what the model looked at; the keys step to the next one and label it.

import type { JSX } from 'preact'
import { kernelPage } from '../../kernel/address'
import { useKeys } from '../../keyboard/view-keys'
import { api, nameOf } from '../../state/collection'
import { openDialog, question } from '../../state/dialogs'
import { labelOf, labels, redo, undo } from '../../state/labels'
import { around, labelPhoto, place, step, unlabelPhoto } from '../../state/large'
import { predictions } from '../../state/model'
import { review, sortsOut, toggleKept } from '../../state/review'
import { selectPhoto } from '../../state/selecting'
import { selected } from '../../state/selection'
import { number, percent } from '../../text/format'
import { LookedAt } from '../HeatMap'
import { Icon } from '../icons'
import { LabelChips } from '../LabelChips'
import { Dialog } from './Dialog'

export function Photo({ id }: { id: number }): JSX.Element {
  const said = predictions.value
  const code = said?.codes[id] ?? -1
  const isSelected = selected.value[id] === 1
  const { at, of } = place.value
  // In the review a photo is thrown out and stays to be seen.
  const sorted = sortsOut.value && review.value?.ids.includes(id) === true
  useKeys((key, event) => {
    if (question.value) return false
    const label = /^[1-9]$/.test(key) ? labels.value.names[Number(key) - 1] : undefined
    if (key === 'ArrowRight') step(1)
    else if (key === 'ArrowLeft') step(-1)
    else if (event.repeat) return false
    else if (label) void labelPhoto(id, label.name)
    else if (key === 'Delete' && labelOf(id) !== null) void unlabelPhoto(id)
    else if (key === 'Ctrl+z') void undo()
    else if (key === 'Ctrl+Shift+z' || key === 'Ctrl+y') void redo()
    else return false
    return true
  })
  return (
    <Dialog title={nameOf(id)} class="photo-dialog">
      <div class="photo-steps">
        <Step by={-1} can={at > 0} />
        <div>
          <LookedAt id={id} next={around.value} />
        </div>
        <Step by={1} can={at >= 0 && at < of - 1} />
      </div>
      <p class="about">
        <b>{labelOf(id) === null ? 'No label' : `Label: ${labelOf(id)}`}</b>
        {said && code >= 0 && (
          <span>
            Predicted: <bdi>{said.names[code]}</bdi>, {percent(said.probability[id]!)}
          </span>
        )}
        <span class="hint">
          {number(at + 1)} of {number(of)}
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
          {sorted ? (
            <button type="button" class="button" onClick={() => toggleKept(id)}>
              {isSelected ? 'Throw out' : 'Take back'}
            </button>
          ) : (
            <button type="button" class="button" onClick={() => selectPhoto(id, isSelected ? 'remove' : 'add')}>
              {isSelected ? 'Take from the selection' : 'Add to the selection'}
            </button>
          )}
        </span>
      </p>
      {labels.value.names.length > 0 && (
        <div class="photo-labels">
          <LabelChips name="Label this photo" id="photo-find-label" can onLabel={(name) => void labelPhoto(id, name)} />
        </div>
      )}
      <p class="hint">
        <kbd>←</kbd> <kbd>→</kbd> show the photo before and after, <kbd>1</kbd>–<kbd>9</kbd> label it, <kbd>Del</kbd>{' '}
        takes its label off, <kbd>Esc</kbd> closes.
      </p>
    </Dialog>
  )
}

function Step({ by, can }: { by: 1 | -1; can: boolean }): JSX.Element {
  return (
    <button
      type="button"
      class="button square"
      aria-label={by > 0 ? 'Next photo' : 'Previous photo'}
      aria-keyshortcuts={by > 0 ? 'ArrowRight' : 'ArrowLeft'}
      aria-disabled={!can}
      onClick={() => step(by)}
    >
      <Icon name={by > 0 ? 'right' : 'left'} />
    </button>
  )
}
