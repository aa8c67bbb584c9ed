// The button of a step that can be done next.

import type { JSX } from 'preact'
import type { CommandId } from '../keyboard/commands'
import { SUGGESTED } from '../state/batch'
import { collection, prepare } from '../state/collection'
import { openDialog } from '../state/dialogs'
import type { Action } from '../state/guidance'
import { report, training } from '../state/model'
import { drawCount, unlabelledCount, waitingCount } from '../state/next-step'
import { showNoneOfThese } from '../state/none-of-these'
import { selectedCount } from '../state/selection'
import { number, photos as photosText, plural } from '../text/format'
import { CommandButton } from './Button'

/** The steps that have a key. */
const COMMAND: Partial<Record<Action, CommandId>> = {
  lasso: 'lasso',
  review: 'review',
  name: 'newLabel',
  suggest: 'batch',
  train: 'train',
  check: 'check',
}

const RUN: Partial<Record<Action, () => void>> = {
  prepare: () => void prepare(),
  'none-of-these': showNoneOfThese,
  confirm: () => openDialog({ kind: 'batch', way: 'predicted' }),
  finish: () => openDialog({ kind: 'finish' }),
  'take-away': () => openDialog({ kind: 'take-away' }),
}

function textOf(step: Action): string {
  const state = collection.value!
  switch (step) {
    case 'prepare':
      return 'Prepare the photos'
    case 'lasso':
      return 'Draw a lasso'
    case 'review':
      return 'Review'
    case 'name':
      return `Name ${photosText(selectedCount.value)}`
    case 'suggest':
      return `Label ${plural(Math.min(SUGGESTED, unlabelledCount.value), 'suggested photo')}`
    case 'train':
      return training.value ? 'Training…' : state.models.some((m) => m.network === null) ? 'Train again' : 'Train'
    case 'check':
      return checkText(report.value?.accuracy != null)
    case 'none-of-these':
      return `Show the ${photosText(state.spot_check.none_of_these.length)} to label`
    case 'confirm':
      return 'Confirm predictions…'
    case 'finish':
      return 'Finish…'
    case 'take-away':
      return 'Take away…'
  }
}

function checkText(checked: boolean): string {
  const [waits, draws] = [waitingCount.value, drawCount.value]
  if (waits > 0) return `Go on with the check: ${number(waits)} left`
  return checked ? `Check ${number(draws)} more` : `Check ${plural(draws, 'random photo')}`
}

/** To the map, whose keys draw a box, if a key has pressed the button. */
function toMap(event: MouseEvent): void {
  if (event.detail === 0) document.getElementById('photos')?.focus({ preventScroll: true })
}

export function StepButton({ step, main = false }: { step: Action; main?: boolean }): JSX.Element {
  const command = COMMAND[step]
  const look = main ? 'filled' : ''
  if (command) {
    return (
      <CommandButton
        command={command}
        class={look}
        busy={step === 'train' && training.value}
        then={step === 'lasso' ? toMap : undefined}
      >
        {textOf(step)}
      </CommandButton>
    )
  }
  return (
    <button type="button" class={`button ${look}`} onClick={RUN[step]}>
      {textOf(step)}
    </button>
  )
}
