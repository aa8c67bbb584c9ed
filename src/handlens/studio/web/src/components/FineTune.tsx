// Fine-tuning: its time limit, its progress, and the choice between the models.

import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import type { FineTuning } from '../server/types'
import { collection } from '../state/collection'
import { openDialog } from '../state/dialogs'
import { labels } from '../state/labels'
import { cancelFineTuning, fineTune, fineTuning, useModel } from '../state/model'
import { duration, percent } from '../text/format'

const MINUTES = [2, 5, 10, 20]

const open = signal(false)
const minutes = signal(5)
const network = signal('')

/** The form that starts fine-tuning, or its progress. */
export function FineTune(): JSX.Element {
  const state = collection.value!
  if (state.fine_tuning.running) return <Running of={state.fine_tuning} />
  return (
    <div class="fine-tune">
      <button
        type="button"
        class="button wide"
        aria-expanded={open.value}
        aria-controls="fine-tune"
        onClick={() => (open.value = !open.value)}
      >
        Fine-tune…
      </button>
      {open.value && (
        <div id="fine-tune" role="group" aria-label="Fine-tune">
          {state.networks.length > 0 ? <Choices networks={state.networks} /> : <NoNetwork />}
        </div>
      )}
    </div>
  )
}

function NoNetwork(): JSX.Element {
  return (
    <>
      <p class="hint">
        Fine-tuning teaches a pretrained network your labels, and this collection has no network that is ready. Add one:
        some are on this machine already or a small download.
      </p>
      <button type="button" class="button" onClick={() => openDialog({ kind: 'sources' })}>
        Add a network…
      </button>
    </>
  )
}

function Choices({ networks }: { networks: string[] }): JSX.Element {
  const chosen = networks.includes(network.value) ? network.value : networks[0]!
  const able = labels.value.names.filter((l) => l.count >= 2).length >= 2
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (able && !fineTuning.value) void fineTune(chosen, minutes.value).then((went) => (open.value = !went))
      }}
    >
      <p class="hint">
        A copy of the network itself learns your labels, in the time you give it. You can go on labelling meanwhile.
      </p>
      {networks.length > 1 && (
        <label>
          Network{' '}
          <select value={chosen} onChange={(event) => (network.value = event.currentTarget.value)}>
            {networks.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <label>
        At most{' '}
        <select
          aria-label="Time limit in minutes"
          value={String(minutes.value)}
          onChange={(event) => (minutes.value = Number(event.currentTarget.value))}
        >
          {MINUTES.map((n) => (
            <option key={n} value={String(n)}>
              {n} minutes
            </option>
          ))}
        </select>
      </label>
      <button type="submit" class={`button ${able ? 'filled' : ''}`} aria-disabled={!able}>
        Start
      </button>
      {!able && <p class="hint">Needs at least two labels with two photos each; more is better.</p>}
    </form>
  )
}

/** The current step of fine-tuning, as text. */
export function fineTuningStep(of: FineTuning): string {
  if (of.phase === 'predicting') return 'Predicting all photos'
  if (of.phase === 'head') return 'Learning your labels'
  if (of.phase === 'last') return 'Learning in the last layers'
  if (of.phase === 'whole') return 'Learning in every layer'
  return 'Getting ready'
}

function Running({ of }: { of: FineTuning }): JSX.Element {
  return (
    <div class="fine-tune running" role="group" aria-label="Fine-tuning">
      <p>
        <b>Fine-tuning {of.network}</b>
      </p>
      <progress aria-label={fineTuningStep(of)} value={of.share} max={1} />
      <p class="hint">
        {fineTuningStep(of)}
        {of.seconds_left !== null && ` · ${duration(of.seconds_left)} left`}
      </p>
      {of.epochs > 0 && of.phase !== 'predicting' && (
        <dl class="numbers">
          <div>
            <dt>Round</dt>
            <dd>
              {Math.max(1, of.epoch)} of {of.epochs}
            </dd>
          </div>
          <div>
            <dt>Loss</dt>
            <dd>{of.loss === null ? '–' : of.loss.toFixed(2)}</dd>
          </div>
          <div>
            <dt data-tip="Of your labels that are held out; no estimate for the other photos">Held out</dt>
            <dd>{of.accuracy === null ? '–' : percent(of.accuracy)}</dd>
          </div>
        </dl>
      )}
      <button type="button" class="button" onClick={() => void cancelFineTuning()}>
        Cancel
      </button>
    </div>
  )
}

/** The choice of the model in use, where there are several, and whether the latest training helped. */
export function InUse(): JSX.Element | null {
  const { models, model, comparisons, report } = collection.value!
  if (!models.some((m) => m.network !== null)) return null
  return (
    <fieldset class="in-use">
      <legend>Model in use</legend>
      {models.map(({ kind, title, network: of, accuracy }) => (
        <label key={kind}>
          <input type="radio" name="model" checked={kind === model} onChange={() => void useModel(kind)} />
          <span>
            {title}
            {kind === 'both' ? <small> together</small> : of !== null && <small> {of}</small>}
          </span>
          <b>{accuracy === null ? <small>not checked</small> : percent(accuracy)}</b>
        </label>
      ))}
      {comparisons.map(({ other, better, sentence }) => (
        <p class="hint" key={`${better} ${other}`}>
          {sentence}
        </p>
      ))}
      {report?.outcome && comparisons.length === 0 && <p class="hint">The latest training: {report.outcome}</p>}
    </fieldset>
  )
}
