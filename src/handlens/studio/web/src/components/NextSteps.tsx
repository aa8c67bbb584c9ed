// What else can be done next with the model. The main step is the button of the advice, or filled here without it.

import type { JSX } from 'preact'
import { predictedCounts } from '../state/batch'
import { collection } from '../state/collection'
import { showUnlabelled } from '../state/finishing'
import { type Action, advice, guideOn, switchGuide } from '../state/guidance'
import { report } from '../state/model'
import { drawCount, toLabel, unlabelledCount, waitingCount } from '../state/next-step'
import { labelText } from '../text/accuracy'
import { photos as photosText } from '../text/format'
import { StepButton } from './StepButton'

/** The steps that are possible, in their order. */
function possible(): Action[] {
  const made = report.value
  const left = unlabelledCount.value > 0
  const steps: [Action, boolean][] = [
    ['train', true],
    ['check', waitingCount.value > 0 || (made !== null && drawCount.value > 0)],
    ['suggest', left],
    ['confirm', left && predictedCounts.value.length > 0],
    ['none-of-these', toLabel.value === 'none'],
    ['finish', made?.accuracy != null],
  ]
  return steps.filter(([, can]) => can).map(([step]) => step)
}

export function NextSteps(): JSX.Element {
  const state = collection.value!
  const left = unlabelledCount.value
  const main = advice.value.action
  const why = labelText(toLabel.value, state.spot_check.none_of_these.length)
  const steps = possible().filter((step) => !guideOn.value || step !== main)
  return (
    <div class="next-steps" role="group" aria-label="Next">
      {steps.map((step) => (
        <StepButton key={step} step={step} main={step === main} />
      ))}
      {!guideOn.value && why && <p class="hint">{why}</p>}
      {state.finished > 0 && (
        <>
          <p class="hint">
            {photosText(state.finished)} labelled by finishing, certified.{' '}
            {left === 0
              ? 'No photo is left without a label.'
              : `${photosText(left)} ${left === 1 ? 'is' : 'are'} left for you.`}
          </p>
          {left > 0 && (
            <button type="button" class="button" onClick={() => void showUnlabelled()}>
              Show the {photosText(left)} left
            </button>
          )}
        </>
      )}
      {!guideOn.value && (
        <button
          type="button"
          class="button"
          data-tip="Says at each step what to do next, and why"
          onClick={() => switchGuide(true)}
        >
          Advice
        </button>
      )}
    </div>
  )
}
