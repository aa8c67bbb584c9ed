// The same as the picture, as a table: each option with how many of the runs have it, and their median value.

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { number } from '../../text/format'
import { figure } from '../scale'
import type { Column } from '../state/table'
import type { Axis } from './axes'
import { partsOf } from './summary'

interface PartsProps {
  axes: readonly Axis[]
  values: Column
  called: string
  chosen: Uint8Array
}

export function Parts({ axes, values, called, chosen }: PartsProps): JSX.Element {
  const [open, setOpen] = useState(false)
  return (
    <details class="parts" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The same as a table</summary>
      {open && (
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">Choice</th>
              <th scope="col">Option</th>
              <th scope="col">Runs</th>
              <th scope="col">Median {called}</th>
            </tr>
          </thead>
          {axes.map((axis) => {
            const parts = partsOf(axis, values, chosen)
            return (
              <tbody key={axis.name}>
                {parts.map((part, i) => (
                  <tr key={i}>
                    {i === 0 && (
                      <th scope="rowgroup" rowSpan={parts.length}>
                        {axis.name}
                      </th>
                    )}
                    <th scope="row">{part.name}</th>
                    <td>{number(part.runs)}</td>
                    <td>{part.median === null ? '–' : figure(part.median)}</td>
                  </tr>
                ))}
              </tbody>
            )
          })}
        </table>
      )}
    </details>
  )
}
