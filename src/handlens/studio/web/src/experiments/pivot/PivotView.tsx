// The pivot: what makes its rows and columns, the table, and what its colours and lines mean.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { shown } from '../state/filter'
import { met, setConditions } from '../state/looked-at'
import { go, place } from '../state/place'
import { PivotFields } from './PivotFields'
import { PivotLegend } from './PivotLegend'
import { PivotTable } from './PivotTable'
import { asking, axes, keepAsking, layout, problem } from './state'

export function PivotView(): JSX.Element {
  useEffect(keepAsking, [])
  const { baseline } = place.value
  const now = layout.value
  return (
    <div class="pivot-view">
      <PivotFields />
      {baseline && (
        <p class="pivot-baseline">
          <span>
            Compared with{' '}
            <b>
              {Object.entries(baseline)
                .map(([name, value]) => `${name} ${shown(value)}`)
                .join(', ')}
            </b>
          </span>
          <button type="button" class="button small" onClick={() => go({ baseline: null })}>
            Compare with nothing
          </button>
        </p>
      )}
      {problem.value !== null && (
        <p class="note" role="alert">
          {problem.value}
        </p>
      )}
      <div class="pivot-result" aria-busy={asking.value}>
        {met.value.length === 0 ? (
          <div class="opening">
            <p>No run meets the filter.</p>
            <button type="button" class="button filled" onClick={() => setConditions([])}>
              Clear filter
            </button>
          </div>
        ) : axes.value.rows.length === 0 ? (
          <p class="opening">Put a choice into the rows: drag its name there, or add it with +.</p>
        ) : !now ? (
          problem.value === null && (
            <p class="opening" role="status">
              Summing up…
            </p>
          )
        ) : (
          <PivotTable of={now} />
        )}
      </div>
      {now && met.value.length > 0 && <PivotLegend of={now} />}
    </div>
  )
}
