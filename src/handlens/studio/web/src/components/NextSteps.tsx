// What can be done next with the model; the main step is filled.

import type { JSX } from 'preact'
import { predictedGroups, SUGGESTED } from '../state/batch'
import { collection } from '../state/collection'
import { openDialog } from '../state/dialogs'
import { showUnlabelled } from '../state/finishing'
import { report, training } from '../state/model'
import { drawCount, mainStep, type Step, toLabel, unlabelledCount, waitingCount } from '../state/next-step'
import { showNoneOfThese } from '../state/none-of-these'
import { labelText } from '../text/accuracy'
import { number, photos as photosText, plural } from '../text/format'
import { CommandButton } from './Button'

export function NextSteps(): JSX.Element {
  const state = collection.value!
  const made = report.value
  const checked = made?.accuracy != null
  const none = state.spot_check.none_of_these.length
  const [waits, draws, left] = [waitingCount.value, drawCount.value, unlabelledCount.value]
  return (
    <div class="next-steps" role="group" aria-label="Next">
      <CommandButton command="train" class={styleOf('train')} busy={training.value}>
        {training.value ? 'Training…' : state.models.some((m) => m.network === null) ? 'Train again' : 'Train'}
      </CommandButton>
      {(waits > 0 || (made !== null && draws > 0)) && (
        <CommandButton command="check" class={styleOf('check')}>
          {waits > 0
            ? `Go on with the check: ${number(waits)} left`
            : checked
              ? `Check ${number(draws)} more`
              : `Check ${draws === 1 ? '1 random photo' : `${number(draws)} random photos`}`}
        </CommandButton>
      )}
      {labelText(toLabel.value, none) && <p class="hint">{labelText(toLabel.value, none)}</p>}
      {left > 0 && (
        <CommandButton command="batch" class={toLabel.value === 'none' ? '' : styleOf('label')}>
          Label {plural(Math.min(SUGGESTED, left), 'suggested photo')}
        </CommandButton>
      )}
      {predictedGroups.value.length > 0 && (
        <button type="button" class="button" onClick={() => openDialog({ kind: 'batch', way: 'predicted' })}>
          Confirm predictions…
        </button>
      )}
      {toLabel.value === 'none' && (
        <button type="button" class={`button ${styleOf('label')}`} onClick={showNoneOfThese}>
          Show the {photosText(none)} to label
        </button>
      )}
      {checked && (
        <button type="button" class={`button ${styleOf('finish')}`} onClick={() => openDialog({ kind: 'finish' })}>
          Finish…
        </button>
      )}
      {state.finished > 0 && (
        <>
          <p class="hint">
            {photosText(state.finished)} labelled by finishing, certified.{' '}
            {left === 0
              ? 'No photo is left without a label.'
              : `${photosText(left)} ${left === 1 ? 'is' : 'are'} left for you.`}
          </p>
          {left > 0 && (
            <button type="button" class={`button ${styleOf('rest')}`} onClick={showUnlabelled}>
              Show the {photosText(left)} left
            </button>
          )}
        </>
      )}
    </div>
  )
}

const styleOf = (step: Step): string => (mainStep.value === step ? 'filled' : '')
