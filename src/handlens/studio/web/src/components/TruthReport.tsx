// How often the model in use is right on the labels that are kept aside, and a way to remove these.

import type { JSX } from 'preact'
import { ask } from '../state/dialogs'
import { removeTruth, truth } from '../state/truth'
import { between } from '../text/accuracy'
import { percent, plural } from '../text/format'
import { Interval } from './Headline'

const REMOVE = 'Remove'

async function remove(): Promise<void> {
  const of = truth.value
  if (!of) return
  const answer = await ask({
    title: `Remove the labels from ${of.name}?`,
    text: `${plural(of.labels, 'label')} kept aside ${of.labels === 1 ? 'is' : 'are'} forgotten. No label of a photo changes.`,
    answers: [REMOVE],
  })
  if (answer === REMOVE) await removeTruth()
}

export function TruthReport(): JSX.Element | null {
  const of = truth.value
  if (!of) return null
  const { accuracy, low, high } = of
  return (
    <section class="truth" aria-label="Labels kept aside">
      <h3>Against labels kept aside</h3>
      {accuracy !== null && low !== null && high !== null && (
        <>
          <p class="accuracy">
            <b>{percent(accuracy)}</b> right <span>{between(low, high)}</span>
          </p>
          <Interval low={low} high={high} at={accuracy} />
        </>
      )}
      <p class="hint">{of.sentence}</p>
      <div class="row">
        <span class="hint">
          {plural(of.labels, 'label')} from {of.name}
        </span>
        <button type="button" class="button small" onClick={() => void remove()}>
          Remove…
        </button>
      </div>
    </section>
  )
}
