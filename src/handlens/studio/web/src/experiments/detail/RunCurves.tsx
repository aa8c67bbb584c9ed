// The curves of one run, large, with axes; other seeds of the same choices thin behind them.

import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { figure, placeOf, type Scale, scaleOf, ticksOf } from '../scale'
import type { Detail } from '../server'
import { LOSSES } from '../state/curves'
import { curves, runs } from '../state/study'
import { find, valueIn } from '../state/table'
import { lineOf } from './line'

const [WIDTH, HEIGHT] = [520, 260]
const BOX = { left: 58, right: WIDTH - 10, top: 10, bottom: HEIGHT - 30 }

export function RunCurves({ of }: { of: Detail }): JSX.Element {
  const names = Object.keys(of.curves)
  const losses = names.filter((name) => (LOSSES as readonly string[]).includes(name))
  const chosen = useSignal<readonly string[] | null>(null)
  const log = useSignal(false)
  const drawn = (chosen.value ?? (losses.length > 0 ? losses : names.slice(0, 1))).filter((name) =>
    names.includes(name),
  )
  if (of.epochs.length === 0)
    return (
      <section aria-labelledby="run-curves">
        <h3 id="run-curves">Curves</h3>
        <p class="empty">
          {of.status === 'waiting'
            ? 'It waits to be trained.'
            : 'It recorded no epoch: pass trial.callbacks, or call trial.record.'}
        </p>
      </section>
    )
  const toggle = (name: string): void => {
    const next = drawn.includes(name) ? drawn.filter((one) => one !== name) : [...drawn, name]
    chosen.value = names.filter((one) => next.includes(one))
  }
  const lines = drawn.map((name) => of.curves[name]!.map((value) => value ?? Number.NaN))
  const beside = drawn.flatMap((name) => siblings(of, name))
  const y = scaleOf(
    [...lines, ...beside].flatMap((line) => [...line]),
    log.value,
  )
  return (
    <section class="run-curves" aria-labelledby="run-curves">
      <h3 id="run-curves">Curves</h3>
      <div class="curve-choices" role="group" aria-label="What is drawn">
        {names.map((name) => {
          const at = drawn.indexOf(name)
          return (
            <button type="button" key={name} class="button small" aria-pressed={at >= 0} onClick={() => toggle(name)}>
              {at >= 0 && <i class={`line line-${at % 4}`} aria-hidden="true" />}
              {name}
            </button>
          )
        })}
        <label>
          <input type="checkbox" checked={log.value} onChange={() => (log.value = !log.value)} /> log scale
        </label>
      </div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        class="curves"
        role="img"
        aria-label={drawn.map((name) => inWords(name, of)).join('; ')}
      >
        <Axes epochs={of.epochs} y={y} />
        {beside.map((line, i) => (
          <path
            key={i}
            class="beside"
            d={lineOf(
              [...line.keys()].map((at) => at + 1),
              line,
              x(of),
              (v) => yAt(y, v),
            )}
          />
        ))}
        {lines.map((line, i) => (
          <g key={drawn[i]} class={`curve line-${i % 4}`}>
            <path d={lineOf(of.epochs, line, x(of), (v) => yAt(y, v))} />
            {of.epochs.length <= 40 &&
              line.map(
                (value, at) =>
                  visible(value, y) && <circle key={at} cx={x(of)(of.epochs[at]!)} cy={yAt(y, value)} r={2.5} />,
              )}
          </g>
        ))}
      </svg>
      <p class="hint">
        Epochs to the right.{beside.length > 0 && ' Thin lines: the other seeds of the same choices.'}
        {log.value && ' Numbers that are not above zero have no place on a log scale.'}
      </p>
      <Numbers of={of} names={names} />
    </section>
  )
}

const visible = (value: number, { log }: Scale): boolean => Number.isFinite(value) && (!log || value > 0)

const yAt = (scale: Scale, value: number): number =>
  visible(value, scale) ? BOX.bottom - placeOf(scale, value) * (BOX.bottom - BOX.top) : Number.NaN

const x = ({ epochs }: Detail): ((epoch: number) => number) => {
  const last = Math.max(2, epochs.at(-1)!)
  return (epoch) => BOX.left + ((epoch - 1) / (last - 1)) * (BOX.right - BOX.left)
}

/** The same number of the runs with the same choices and other seeds. */
function siblings(of: Detail, number: string): Float32Array[] {
  const all = curves.value.get(number)
  const combinations = find(runs.value, 'combination')
  if (!all || !combinations) return []
  return runs.value.ids.flatMap((id, place) => {
    if (id === of.id || combinations.values[place] !== of.combination) return []
    const same = valueIn(runs.value, 'phase', id) === of.phase && valueIn(runs.value, 'split', id) === of.split
    const curve = same ? all.get(id) : undefined
    // Only as far as this run's axis goes.
    return curve ? [curve.subarray(0, Math.max(2, of.epochs.at(-1)!))] : []
  })
}

function inWords(name: string, { curves: all }: Detail): string {
  const known = all[name]!.filter((value) => value !== null)
  if (known.length === 0) return `${name}: no number`
  const last = known.at(-1)!
  return `${name} from ${figure(known[0]!)} to ${figure(last)} over ${all[name]!.length} epochs, lowest ${figure(Math.min(...known))}`
}

function Axes({ epochs, y }: { epochs: readonly number[]; y: Scale }): JSX.Element {
  const last = Math.max(2, epochs.at(-1)!)
  const across: Scale = { low: 1, high: last, log: false }
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a drawing takes no focus; the whole is named
    <g aria-hidden="true">
      {ticksOf(y, 6).map((tick) => (
        <g key={tick}>
          <line class="grid-line" x1={BOX.left} x2={BOX.right} y1={yAt(y, tick)} y2={yAt(y, tick)} />
          <text x={BOX.left - 6} y={yAt(y, tick) + 4} text-anchor="end">
            {figure(tick)}
          </text>
        </g>
      ))}
      {[...new Set([1, ...ticksOf(across, 8)])]
        .filter((tick) => Number.isInteger(tick) && tick >= 1)
        .map((tick) => (
          <text
            key={tick}
            x={BOX.left + placeOf(across, tick) * (BOX.right - BOX.left)}
            y={HEIGHT - 10}
            text-anchor="middle"
          >
            {tick}
          </text>
        ))}
      <line class="base-line" x1={BOX.left} x2={BOX.right} y1={BOX.bottom} y2={BOX.bottom} />
    </g>
  )
}

function Numbers({ of, names }: { of: Detail; names: readonly string[] }): JSX.Element {
  return (
    <details>
      <summary>Every number</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long tables are scrolled with keys */}
      <div class="table-scroll tall" tabIndex={0} role="region" aria-label="Numbers of each epoch">
        <table class="list numbers">
          <thead>
            <tr>
              <th scope="col">epoch</th>
              {names.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
              <th scope="col">seconds</th>
            </tr>
          </thead>
          <tbody>
            {of.epochs.map((epoch, at) => (
              <tr key={epoch}>
                <th scope="row">{epoch}</th>
                {names.map((name) => {
                  const value = of.curves[name]![at]
                  return <td key={name}>{value == null ? '–' : figure(value, 5)}</td>
                })}
                <td>{figure(of.epoch_seconds[at] ?? Number.NaN, 3)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  )
}
