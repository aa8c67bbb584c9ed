// The model: training, its accuracy and errors, and fading the photos that it is sure of.

import type { JSX } from 'preact'
import { AuditPanel } from '../audit/AuditPanel'
import type { Report } from '../server/types'
import { collection, count } from '../state/collection'
import { ENOUGH, labels } from '../state/labels'
import { fadedCount, predictions, report, reportIsOld, training } from '../state/model'
import { opacity, setOpacity } from '../state/view'
import { number, percent, photos as photosText } from '../text/format'
import { CommandButton } from './Button'
import { FineTune, InUse } from './FineTune'

const labelsEnough = (): boolean => labels.value.names.filter((l) => l.count >= 2).length >= 2

export function ModelPanel(): JSX.Element {
  const made = report.value
  return (
    <section class="panel model" aria-label="Model">
      <header>
        <h2>Model</h2>
      </header>
      <CommandButton
        command="train"
        class={`wide ${labelsEnough() && (reportIsOld.value || !made) ? 'filled' : ''}`}
        busy={training.value}
      >
        {training.value
          ? 'Training…'
          : collection.value?.models.some((m) => m.network === null)
            ? 'Train again'
            : 'Train'}
      </CommandButton>
      <FineTune />
      <InUse />
      {made ? <Made report={made} /> : <NotYet />}
      <Opacity />
      <AuditPanel />
    </section>
  )
}

function NotYet(): JSX.Element {
  return (
    <p class="hint">
      {!labelsEnough()
        ? 'Needs at least two labels with a few photos each.'
        : `A handful of each label is a start; with fewer than ${ENOUGH} it stays thin.`}
    </p>
  )
}

function Made({ report: made }: { report: Report }): JSX.Element {
  return (
    <div class="report">
      {made.accuracy === null ? (
        <p>Too few labels for an estimate: label a few more of each and train again.</p>
      ) : (
        <p class="accuracy">
          <b>{percent(made.accuracy)}</b> right
          {made.low !== null && made.high !== null && (
            <span>
              between {percent(made.low)} and {percent(made.high)}
            </span>
          )}
        </p>
      )}
      {made.accuracy !== null && (
        <Interval low={made.low ?? made.accuracy} high={made.high ?? made.accuracy} at={made.accuracy} />
      )}
      <p class="hint">
        {made.network === null
          ? `Estimated on your ${photosText(made.n_labelled)}, each predicted by a model that had not seen it.`
          : `Estimated on ${photosText(tested(made))} of your ${number(made.n_labelled)}, held out from training.`}
      </p>
      {reportIsOld.value && <p class="note">Labels have changed since: train again to use them.</p>}
      {made.warnings.map((text) => (
        <p class="note" key={text}>
          {text}
        </p>
      ))}
      <table class="per-class">
        <caption class="visually-hidden">Right by label</caption>
        <thead>
          <tr>
            <th scope="col">Label</th>
            <th scope="col">Photos</th>
            <th scope="col">Right</th>
          </tr>
        </thead>
        <tbody>
          {made.per_class.map((c) => (
            <tr key={c.name}>
              <th scope="row">{c.name}</th>
              <td>
                {number(c.count)} {c.thin && <small class="thin">thin</small>}
              </td>
              <td>{c.recall === null ? '–' : percent(c.recall)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <details>
        <summary>Which is taken for which</summary>
        <Confusion report={made} />
      </details>
    </div>
  )
}

const tested = (made: Report): number => made.confusion.counts.flat().reduce((a, b) => a + b, 0)

function Interval({ low, high, at }: { low: number; high: number; at: number }): JSX.Element {
  return (
    <div class="interval" aria-hidden="true">
      <i style={{ left: `${low * 100}%`, width: `${(high - low) * 100}%` }} />
      <b style={{ left: `${at * 100}%` }} />
    </div>
  )
}

function Confusion({ report: made }: { report: Report }): JSX.Element {
  const { names, counts } = made.confusion
  return (
    <div class="table-scroll">
      <table class="confusion">
        <caption>Rows: your label. Columns: predicted.</caption>
        <thead>
          <tr>
            <td />
            {names.map((name) => (
              <th scope="col" key={name}>
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name, i) => {
            const row = counts[i] ?? []
            const all = Math.max(
              1,
              row.reduce((a, b) => a + b, 0),
            )
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                {names.map((other, j) => (
                  <td
                    key={other}
                    class={`${i === j ? 'right' : 'wrong'} ${row[j] ? '' : 'none'}`}
                    style={{ '--share': String((row[j] ?? 0) / all) }}
                  >
                    {row[j] ?? 0}
                  </td>
                ))}
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function Opacity(): JSX.Element {
  const { on, threshold } = opacity.value
  return (
    <div class="opacity">
      <CommandButton command="opacity" icon="fade" on={on} class="wide">
        Vary opacity
      </CommandButton>
      {predictions.value && (
        <label>
          <span>Fade photos predicted with at least {percent(threshold)}</span>
          <input
            type="range"
            min="0.5"
            max="0.99"
            step="0.01"
            value={threshold}
            aria-label="How sure"
            aria-valuetext={percent(threshold)}
            onInput={(event) => {
              setOpacity({ on: true, threshold: Number(event.currentTarget.value) })
            }}
          />
          <span class="hint">
            {on ? `${number(fadedCount.value)} of ${number(count.value)} faded` : 'Off: all photos at full opacity'}
          </span>
        </label>
      )}
    </div>
  )
}
