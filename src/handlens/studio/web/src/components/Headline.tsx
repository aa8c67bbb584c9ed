// How accurate the model is: the number of the spot check, or before it a guess, or why there is none.

import type { JSX } from 'preact'
import type { Report } from '../server/types'
import { waitingCount } from '../state/next-step'
import { aboutOf, between, rightOf, unsureText, waitingText } from '../text/accuracy'
import { percent } from '../text/format'

export function Headline({ of }: { of: Report }): JSX.Element {
  const { accuracy, low, high, guess, reason } = of
  const waiting = waitingText(waitingCount.value)
  if (accuracy !== null && low !== null && high !== null) {
    return (
      <div class="headline">
        <p class="accuracy">
          <b>{percent(accuracy)}</b> {rightOf(of)} <span>{between(low, high)}</span>
        </p>
        <Interval low={low} high={high} at={accuracy} />
        <p class="hint">{aboutOf(of)}</p>
        <Hints of={[unsureText(of), waiting]} />
      </div>
    )
  }
  if (guess) {
    return (
      <div class="headline guess">
        <p>
          <b>A guess:</b> {between(guess.low, guess.high)} of the photos without a label are predicted correctly.
        </p>
        <Interval low={guess.low} high={guess.high} />
        <p class="hint">
          The low end holds out whole groups that you labelled together, the high end single photos. A check of random
          photos tells.
        </p>
        <Hints of={[waiting]} />
      </div>
    )
  }
  return (
    <div class="headline">
      <p>{reason}</p>
    </div>
  )
}

function Hints({ of }: { of: string[] }): JSX.Element {
  return (
    <>
      {of.filter(Boolean).map((text) => (
        <p class="hint" key={text}>
          {text}
        </p>
      ))}
    </>
  )
}

/** A bar from 0 to 100 % with the interval on it; `at` marks the value, which a guess does not have. */
export function Interval({ low, high, at }: { low: number; high: number; at?: number }): JSX.Element {
  return (
    <div class={`interval ${at === undefined ? 'guessed' : ''}`} aria-hidden="true">
      <i style={{ left: `${low * 100}%`, width: `${(high - low) * 100}%` }} />
      {at !== undefined && <b style={{ left: `${at * 100}%` }} />}
    </div>
  )
}
