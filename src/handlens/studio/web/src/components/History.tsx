// The models that were trained so far: labels against checked accuracy, and why it moved.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { HistoryPoint } from '../server/types'
import { history, loadHistory } from '../state/history'
import { report } from '../state/model'
import { checking } from '../state/spot-check'
import { between } from '../text/accuracy'
import { number, percent } from '../text/format'
import { AXIS, endsOf, HEIGHT, lineOf, marksOf, WIDTH, yOf } from './history-chart'

export function History(): JSX.Element | null {
  const made = report.value
  const busy = checking.value
  // After a check, not after each of its answers.
  useEffect(() => {
    if (!busy) void loadHistory()
  }, [made, busy])
  const points = history.value
  if (points.length < 2) return null
  const sentence = sentenceOf(points, made?.kind)
  const tuned = points.some((point) => point.kind !== 'quick')
  return (
    <figure class="history" aria-label="History">
      <h3>Accuracy, by number of labels</h3>
      <Chart points={points} />
      <p class="hint key" aria-hidden="true">
        <i class="checked" /> checked <i class="guessed" /> a guess {tuned && <i class="tuned" />}{' '}
        {tuned && 'fine-tuned'}
      </p>
      {sentence && <figcaption>{sentence}</figcaption>}
      <div class="visually-hidden">
        <table>
          <caption>Models, the earliest first</caption>
          <thead>
            <tr>
              <th scope="col">Labels</th>
              <th scope="col">Model</th>
              <th scope="col">Accuracy</th>
            </tr>
          </thead>
          <tbody>
            {points.map((point) => (
              <tr key={point.at}>
                <th scope="row">{number(point.n_labelled)}</th>
                <td>{point.kind}</td>
                <td>{rightText(point)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  )
}

/** Why the accuracy moved, of the model in use, and else of the latest one. */
export const sentenceOf = (points: readonly HistoryPoint[], used: HistoryPoint['kind'] | undefined): string =>
  (points.filter((point) => point.kind === used).at(-1) ?? points.at(-1))?.sentence ?? ''

export function rightText({ accuracy, low, high, guess_low, guess_high, checked, unsure }: HistoryPoint): string {
  if (accuracy !== null && low !== null && high !== null) {
    const beside = unsure > 0 ? `, ${number(unsure)} more unsure` : ''
    return `${percent(accuracy)}, ${between(low, high)}, from ${number(checked)} checked${beside}`
  }
  if (guess_low !== null && guess_high !== null) return `not checked; a guess: ${between(guess_low, guess_high)}`
  return 'not checked'
}

function Chart({ points }: { points: readonly HistoryPoint[] }): JSX.Element {
  const marks = marksOf(points)
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {[0, 0.5, 1].map((share) => (
        <g key={share}>
          <line class="grid-line" x1={AXIS.left} x2={AXIS.right} y1={yOf(share)} y2={yOf(share)} />
          <text x={AXIS.left - 4} y={yOf(share) + 3.5} text-anchor="end">
            {percent(share)}
          </text>
        </g>
      ))}
      {endsOf(points).map(({ x, n }) => (
        <text key={n} x={x} y={HEIGHT - 6} text-anchor="middle">
          {number(n)}
        </text>
      ))}
      <polyline class="path" points={lineOf(marks)} />
      {marks.map((m) =>
        m.y === null ? (
          <rect
            key={m.x}
            class="guessed"
            x={m.x - 3}
            width={6}
            y={m.high}
            height={Math.max(1, m.low - m.high)}
            rx={2}
          />
        ) : (
          <g key={m.x} class="checked">
            <line x1={m.x} x2={m.x} y1={m.low} y2={m.high} />
            {m.fineTuned ? (
              <rect x={m.x - 3.5} y={m.y - 3.5} width={7} height={7} />
            ) : (
              <circle cx={m.x} cy={m.y} r={4} />
            )}
          </g>
        ),
      )}
    </svg>
  )
}
