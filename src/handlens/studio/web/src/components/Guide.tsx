// What to do next and why, with one button; always in view.

import type { JSX } from 'preact'
import { advice, guideOn, switchGuide } from '../state/guidance'
import { Icon } from './icons'
import { StepButton } from './StepButton'

export function Guide(): JSX.Element | null {
  if (!guideOn.value) return null
  const { text, action } = advice.value
  return (
    <section class="guide" aria-label="What next">
      <p role="status">{text}</p>
      <button
        type="button"
        class="button square small"
        aria-label="Hide the advice"
        data-tip="Hide the advice; “Advice” beside the steps shows it again"
        onClick={() => switchGuide(false)}
      >
        <Icon name="close" />
      </button>
      {action && <StepButton step={action} main />}
    </section>
  )
}
