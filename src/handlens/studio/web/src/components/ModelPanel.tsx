// The model: the next step, its accuracy and errors, and fading the photos that it is sure of.

import type { JSX } from 'preact'
import { AuditPanel } from '../audit/AuditPanel'
import type { Report } from '../server/types'
import { count } from '../state/collection'
import { ENOUGH } from '../state/labels'
import { fadedCount, predictions, report, reportIsOld } from '../state/model'
import { canTrain } from '../state/next-step'
import { opacity } from '../state/view'
import { between } from '../text/accuracy'
import { duration, number, percent, photos as photosText, plural } from '../text/format'
import { CommandButton } from './Button'
import { Confusion } from './Confusion'
import { FineTune, InUse } from './FineTune'
import { Headline } from './Headline'
import { History } from './History'
import { LookAgain } from './LookAgain'
import { NextSteps } from './NextSteps'
import { TruthReport } from './TruthReport'

export function ModelPanel(): JSX.Element {
  const made = report.value
  return (
    <section class="panel model" aria-label="Model">
      <header>
        <h2>Model</h2>
      </header>
      <NextSteps />
      {made ? <Headline of={made} /> : <NotYet />}
      {made && reportIsOld.value && <p class="hint">Labels have changed since: train again to use them.</p>}
      <InUse />
      {made && <Made report={made} />}
      <TruthReport />
      <History />
      <FineTune />
      <Opacity />
      <LookAgain />
      <AuditPanel />
    </section>
  )
}

function NotYet(): JSX.Element {
  return (
    <p class="hint">
      {!canTrain.value
        ? 'Needs at least two labels with a few photos each.'
        : `A handful of each label is a start; with fewer than ${ENOUGH} it stays thin.`}
    </p>
  )
}

const LEARNED = { quick: 'Learned from', 'fine-tuned': 'Fine-tuned on', both: 'Two models, from' } as const

export function Made({ report: made }: { report: Report }): JSX.Element {
  return (
    <div class="report">
      {made.warnings.map((text) => (
        <p class="note" key={text}>
          {text}
        </p>
      ))}
      <table class="per-class">
        <caption class="visually-hidden">By label</caption>
        <thead>
          <tr>
            <th scope="col">Label</th>
            <th scope="col">Photos</th>
            <th scope="col">Right when it says so</th>
          </tr>
        </thead>
        <tbody>
          {made.per_class.map((c) => (
            <tr key={c.name}>
              <th scope="row">{c.name}</th>
              <td>
                {number(c.count)} {c.thin && <small class="thin">thin</small>}
              </td>
              <td data-tip={c.precision === null ? 'None checked' : `${number(c.right)} of ${number(c.said)} checked`}>
                {made.accuracy === null || c.precision === null || c.low === null || c.high === null ? (
                  '–'
                ) : (
                  <>
                    {percent(c.precision)} of {number(c.said)} <small>{between(c.low, c.high)}</small>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <details>
        <summary>Which is taken for which</summary>
        <Confusion report={made} />
      </details>
      <details>
        <summary>Details</summary>
        <p class="hint">
          {LEARNED[made.kind]} {photosText(made.n_labelled)}
          {made.n_by_model > 0 && ` and ${photosText(made.n_by_model)} with certified labels`}
          {made.layers.length > 0 && ` in ${plural(made.layers.length, 'layer')}`}, in{' '}
          {made.seconds < 10 ? `${made.seconds.toFixed(1)} s` : duration(made.seconds)}.{' '}
          {made.calibration_error === null
            ? 'Whether its probabilities are right is not checked yet.'
            : `On the checked photos, its probabilities are off by ${Math.round(made.calibration_error * 100)} percentage points on average, beyond what chance explains (expected calibration error).`}
        </p>
      </details>
    </div>
  )
}

/** What “predicted with at least 90 %” is worth. */
const sureText = (made: Report | null): string =>
  made?.calibration_error == null
    ? 'How often such predictions are right is not checked yet.'
    : `The probabilities are calibrated on ${plural(made.checked, 'checked photo')}.`

/** How many photos are faded, and why none is. */
export const fadedText = (faded: number, all: number): string =>
  `${number(faded)} of ${number(all)} faded${faded > 0 ? '' : ', because no prediction is that sure'}`

function Opacity(): JSX.Element {
  const { on, threshold } = opacity.value
  return (
    <div class="opacity">
      <CommandButton command="opacity" icon="fade" on={on} class="wide">
        Vary opacity
      </CommandButton>
      {predictions.value && on && (
        <p class="hint">
          {fadedText(fadedCount.value, count.value)}: those predicted with at least {percent(threshold)}. The slider on
          the map sets that. {sureText(report.value)}
        </p>
      )}
    </div>
  )
}
