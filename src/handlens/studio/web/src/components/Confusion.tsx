// The table of which label is taken for which; each number opens its photos.

import type { JSX } from 'preact'
import type { Report } from '../server/types'
import { showConfused } from '../state/confused'
import { number, photos as photosText } from '../text/format'

export function Confusion({ report: made }: { report: Report }): JSX.Element {
  const { names, counts } = made.confusion
  return (
    <div class="table-scroll">
      <p class="hint">
        All photos with a label, each predicted by a model that had not seen it; the accuracy comes from the checked
        ones alone. Rows: what the photo is. Columns: predicted. Press a number to see its photos.
      </p>
      <table class="confusion">
        <caption class="visually-hidden">Photos by label and prediction</caption>
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
                {names.map((other, j) => {
                  const n = row[j] ?? 0
                  return (
                    <td
                      key={other}
                      class={`${i === j ? 'right' : 'wrong'} ${n > 0 ? '' : 'none'}`}
                      style={{ '--share': String(n / all) }}
                    >
                      {n === 0 ? 0 : <Cell n={n} label={name} predicted={other} />}
                    </td>
                  )
                })}
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function Cell({ n, label, predicted }: { n: number; label: string; predicted: string }): JSX.Element {
  const what = `${label} taken for ${predicted}`
  return (
    <button
      type="button"
      aria-label={`${photosText(n)}: ${what}`}
      data-tip={`${photosText(n)}: ${what}`}
      onClick={() => void showConfused(label, predicted)}
    >
      {number(n)}
    </button>
  )
}
