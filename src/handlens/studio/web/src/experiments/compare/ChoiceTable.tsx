// What the groups have chosen: first what differs.

import type { JSX } from 'preact'
import { shown } from '../state/filter'
import { Mark } from './Differences'
import type { ChoiceRow, Group } from './groups'

export function ChoiceTable({ groups, rows }: { groups: readonly Group[]; rows: readonly ChoiceRow[] }): JSX.Element {
  const differing = rows.filter(({ differs }) => differs)
  const same = rows.filter(({ differs }) => !differs)
  return (
    <section aria-labelledby="compare-choices">
      <h2 id="compare-choices">What differs</h2>
      {differing.length === 0 ? (
        <p class="empty">Nothing: all have the same choices.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Choices that differ">
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">Choice</th>
                {groups.map((group, i) => (
                  <th key={group.id} scope="col">
                    <Mark at={i} letter={group.letter} /> <span class="visually-hidden">{group.name}</span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {differing.map((row) => (
                <tr key={row.name}>
                  <th scope="row">{row.name}</th>
                  {row.values.map((value, i) => (
                    <td key={groups[i]!.id}>{shown(value)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {same.length > 0 && (
        <p class="hint">
          The same in all: {same.map(({ name, values }) => `${name} ${shown(values[0]!)}`).join(', ')}.
        </p>
      )}
    </section>
  )
}
