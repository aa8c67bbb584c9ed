// What the colours, the lines and the intervals of the pivot mean.

import type { JSX } from 'preact'
import { figure } from '../scale'
import { place } from '../state/place'
import { graphed } from '../state/study'
import type { Layout } from './layout'
import { shading, writeNumber } from './PivotTable'
import { dashed } from './SmallGraph'
import { shade } from './shade'
import { frame } from './state'

export function PivotLegend({ of }: { of: Layout }): JSX.Element {
  const scale = shading.value
  const box = frame.value
  return (
    <footer class="pivot-legend">
      {scale && (
        <p>
          worse {scale.beyond && (scale.worst > scale.best ? '≥ ' : '≤ ')}
          {writeNumber.value(scale.worst)}
          <i
            class="ramp"
            aria-hidden="true"
            style={{ background: `linear-gradient(to right, ${[0, 0.5, 1].map(shade).join(', ')})` }}
          />
          {writeNumber.value(scale.best)} better
        </p>
      )}
      {box && (
        <p>
          {graphed.value.map((number, at) => (
            <span key={number} class="line-key">
              <i class={dashed(at, graphed.value.length) ? 'dashed' : 'full'} aria-hidden="true" />
              {number}
            </span>
          ))}
          <span>
            all graphs: {figure(box.low, 3)} to {figure(box.high, 3)}, {box.epochs} epochs; lines may begin above the
            edge
          </span>
        </p>
      )}
      {(place.value.aggregate === 'mean' || place.value.baseline !== null) && (
        <p>
          {place.value.aggregate === 'mean' && '“a to b”: 95 % interval of the mean. '}
          {place.value.baseline !== null &&
            'Verdicts allow for the number of cells that are compared: where many are, an interval without 0 may be chance.'}
        </p>
      )}
      {of.notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
    </footer>
  )
}
