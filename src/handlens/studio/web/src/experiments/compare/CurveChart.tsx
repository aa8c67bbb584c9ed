// The curves of several groups over each other: each run thin, the mean of a group thick, with its letter at its end.

import type { JSX } from 'preact'
import { useId } from 'preact/hooks'
import { colourOf } from '../../colour/palette'
import { theme } from '../../state/theme'
import { lineOf } from '../detail/line'
import { figure, placeOf, type Scale, scaleOf, ticksOf } from '../scale'
import { useSize } from '../size'
import { apart, frameOfEnds, meanOf } from './groups'

export interface CurveGroup {
  readonly name: string
  readonly letter: string
  readonly curves: readonly Float32Array[]
}

interface CurveChartProps {
  number: string
  groups: readonly CurveGroup[]
  log: boolean
  /** the epoch that is read, from 1; null: the last */
  epoch: number | null
  onEpoch: (epoch: number) => void
}

const EDGE = { left: 54, right: 26, top: 12, bottom: 34 }

export function CurveChart({ number, groups, log, epoch, onEpoch }: CurveChartProps): JSX.Element {
  const [box, size] = useSize<HTMLDivElement>()
  const clip = useId()
  const all = groups.flatMap((group) => group.curves)
  const epochs = Math.max(1, ...all.map((curve) => curve.length))
  const y: Scale = log
    ? scaleOf(
        all.flatMap((curve) => [...curve]),
        log,
      )
    : frameOfEnds(all)
  const x: Scale = { low: 1, high: Math.max(2, epochs), log: false }
  const [right, bottom] = [size.width - EDGE.right, size.height - EDGE.bottom]
  const xAt = (value: number): number => EDGE.left + placeOf(x, value) * (right - EDGE.left)
  const yAt = (value: number): number => bottom - placeOf(y, value) * (bottom - EDGE.top)
  const steps = Array.from({ length: epochs }, (_, i) => i + 1)
  const read = epoch ?? epochs
  const means = groups.map(({ curves }) => meanOf(curves))
  const ends = apart(
    means.map((mean) => Math.max(EDGE.top, Math.min(bottom, yAt(mean.at(-1) ?? Number.NaN)))),
    13,
  )
  const beyond = all.some((curve) => curve.some((value) => value > y.high))
  return (
    <figure class="curve-chart">
      <div
        class="curve-box"
        ref={box}
        onPointerMove={(event) => {
          const place =
            (event.clientX - event.currentTarget.getBoundingClientRect().left - EDGE.left) / (right - EDGE.left)
          onEpoch(Math.max(1, Math.min(epochs, Math.round(x.low + place * (x.high - x.low)))))
        }}
      >
        {size.width > 0 && (
          <svg width={size.width} height={size.height} role="img" aria-label={`${number} by epoch. ${wordsOf(groups)}`}>
            <clipPath id={clip}>
              <rect x={EDGE.left} y={EDGE.top - 4} width={right - EDGE.left} height={bottom - EDGE.top + 8} />
            </clipPath>
            <g class="axes">
              {ticksOf(y, Math.max(3, Math.floor(size.height / 52))).map((tick) => (
                <g key={tick}>
                  <line x1={EDGE.left} x2={right} y1={yAt(tick)} y2={yAt(tick)} />
                  <text x={EDGE.left - 7} y={yAt(tick) + 4} text-anchor="end">
                    {figure(tick)}
                  </text>
                </g>
              ))}
              {ticksOf(x, Math.max(2, Math.floor(size.width / 70)))
                .filter(Number.isInteger)
                .map((tick) => (
                  <text key={tick} x={xAt(tick)} y={bottom + 16} text-anchor="middle">
                    {tick}
                  </text>
                ))}
              <text x={right} y={bottom + 30} text-anchor="end">
                epoch
              </text>
              <line class="read" x1={xAt(read)} x2={xAt(read)} y1={EDGE.top} y2={bottom} />
            </g>
            {groups.map(({ name, curves }, i) => {
              return (
                <g key={name} class="lines-of" clip-path={`url(#${clip})`} style={{ stroke: colourOf(i, theme.value) }}>
                  {curves.length > 1 &&
                    curves.map((curve, at) => <path key={at} class="thin" d={lineOf(steps, curve, xAt, yAt)} />)}
                  <path d={lineOf(steps, means[i]!, xAt, yAt)} />
                </g>
              )
            })}
            {groups.map(({ name, letter }, i) => (
              <text
                key={name}
                class="letter"
                x={xAt(Math.max(1, means[i]!.length)) + 6}
                y={(Number.isNaN(ends[i]!) ? -20 : ends[i]!) + 4}
                style={{ fill: colourOf(i, theme.value) }}
              >
                {letter}
              </text>
            ))}
          </svg>
        )}
      </div>
      <label class="epoch">
        Epoch {read}
        <input
          type="range"
          min={1}
          max={epochs}
          value={read}
          onInput={(event) => onEpoch(Number(event.currentTarget.value))}
        />
      </label>
      {beyond && <figcaption class="hint">The first epochs go beyond the edge.</figcaption>}
    </figure>
  )
}

function wordsOf(groups: readonly CurveGroup[]): string {
  return groups
    .map(({ name, curves }) => {
      const mean = meanOf(curves)
      if (mean.length === 0) return `${name}: nothing recorded`
      return `${name}: from ${figure(mean[0]!)} to ${figure(mean.at(-1)!)}`
    })
    .join('; ')
}

/** The mean of a group after an epoch; null where not all of its runs went so far. */
export function readAt({ curves }: CurveGroup, epoch: number): number | null {
  const value = meanOf(curves)[epoch - 1]
  return value === undefined || !Number.isFinite(value) ? null : value
}
