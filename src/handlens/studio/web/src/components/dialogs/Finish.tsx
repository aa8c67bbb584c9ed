// Finishing: choose how much may be wrong and how sure that has to be, see what that gives, and label the rest.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { FinishPlan } from '../../server/types'
import { openDialog } from '../../state/dialogs'
import { sampleText } from '../../state/everywhere'
import {
  askForPlan,
  chooseConfidence,
  chooseError,
  confidence,
  error,
  finish,
  finishing,
  noShare,
  plan,
  typedError,
  typeError,
} from '../../state/finishing'
import { labels } from '../../state/labels'
import { report } from '../../state/model'
import { drawCount, waitingCount } from '../../state/next-step'
import { number, percent, photos as photosText } from '../../text/format'
import { Dialog } from './Dialog'

const ERRORS = [0.01, 0.02, 0.05, 0.1]
const CONFIDENCES = [0.9, 0.95, 0.99]

export function Finish(): JSX.Element {
  const made = report.value
  const version = labels.value.version
  // Whatever it rests on may change while the dialog is open.
  useEffect(() => askForPlan(0), [made, version])
  const now = plan.value
  return (
    <Dialog title="Finish" class="finish-dialog">
      <p>
        The model labels the rest. You say how many of all labels may be wrong; photos that it is not sure enough of are
        left for you. Undo takes it back.
      </p>
      {sampleText.value && <p class="hint">This is about the {sampleText.value}: about the random ones alone.</p>}
      <Errors />
      <fieldset class="finish-choice">
        <legend>How sure that has to be</legend>
        <div class="segments">
          {CONFIDENCES.map((share) => (
            <label key={share}>
              <input
                type="radio"
                name="confidence"
                checked={confidence.value === share}
                onChange={() => chooseConfidence(share)}
              />
              <span>{percent(share)}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div class="finish-plan" aria-live="polite" aria-busy={now === null}>
        {noShare.value ? null : now === null ? (
          <p class="hint">Counting…</p>
        ) : 'problem' in now ? (
          <Problem text={now.problem} />
        ) : (
          <Plan of={now} />
        )}
      </div>
    </Dialog>
  )
}

function Errors(): JSX.Element {
  const typed = typedError.value
  const wrong = noShare.value
  return (
    <fieldset class="finish-choice">
      <legend>At most this share of all labels may be wrong</legend>
      <div class="segments">
        {ERRORS.map((share) => (
          <label key={share}>
            <input
              type="radio"
              name="error"
              checked={error.value === share && typed === ''}
              onChange={() => chooseError(share)}
            />
            <span>{percent(share)}</span>
          </label>
        ))}
        <label class={`own ${typed !== '' && !wrong ? 'chosen' : ''}`}>
          <input
            type="text"
            inputMode="decimal"
            size={4}
            value={typed}
            placeholder="other"
            aria-label="Another share, in per cent"
            aria-invalid={wrong}
            onInput={(event) => typeError(event.currentTarget.value)}
          />{' '}
          %
        </label>
      </div>
      {wrong && (
        <p class="problem" role="alert">
          Type a number above 0 and below 100.
        </p>
      )}
    </fieldset>
  )
}

function Problem({ text }: { text: string }): JSX.Element {
  return (
    <>
      <p class="problem" role="alert">
        {text}
      </p>
      <div class="row">
        <CheckButton draw={drawCount.value} />
        <button type="button" class="button" onClick={() => askForPlan(0)}>
          Try again
        </button>
      </div>
    </>
  )
}

function Plan({ of }: { of: FinishPlan }): JSX.Element {
  const more = of.more_checks ?? 0
  return (
    <>
      <dl class="finish-counts">
        <div>
          <dt>labelled by it</dt>
          <dd>{number(of.labels)}</dd>
        </div>
        <div>
          <dt>left for you</dt>
          <dd>{number(of.left)}</dd>
        </div>
        <div>
          <dt>checked</dt>
          <dd>{number(of.checked)}</dd>
        </div>
      </dl>
      <p>{of.sentence}</p>
      <div class="row">
        {of.labels > 0 && (
          <button type="button" class="button filled" aria-busy={finishing.value} onClick={() => void finish()}>
            {finishing.value ? 'Labelling…' : `Label ${photosText(of.labels)}`}
          </button>
        )}
        {more > 0 && <CheckButton draw={more} filled={of.labels === 0} />}
      </div>
    </>
  )
}

/** Goes on with the check that waits, or draws a new one. */
function CheckButton({ draw, filled }: { draw: number; filled?: boolean }): JSX.Element | null {
  const waits = waitingCount.value
  if (waits === 0 && draw === 0) return null
  return (
    <button
      type="button"
      class={`button ${filled ? 'filled' : ''}`}
      onClick={() => openDialog({ kind: 'check', draw })}
    >
      {waits > 0 ? `Go on with the check: ${number(waits)} left` : `Check ${number(draw)} more`}
    </button>
  )
}
