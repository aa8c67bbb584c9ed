// Which columns the table has.

import type { JSX } from 'preact'
import { Dialog } from '../../components/dialogs/Dialog'
import { LEFT_OUT } from '../state/address'
import { closeDialog } from '../state/dialogs'
import { allColumns } from '../state/looked-at'
import { adjust, place } from '../state/place'
import type { Role } from '../state/table'

const ROLES: [Role, string][] = [
  ['choice', 'Choices'],
  ['number', 'Numbers of the last epoch'],
  ['fact', 'The run'],
]

export function Columns(): JSX.Element {
  const without = place.value.without
  const show = (name: string, shown: boolean): void =>
    adjust({ without: shown ? without.filter((one) => one !== name) : [...without, name] })
  return (
    <Dialog title="Columns" close={closeDialog}>
      {ROLES.map(([role, title]) => (
        <fieldset key={role} class="column-choices">
          <legend>{title}</legend>
          {allColumns.value
            .filter((column) => column.role === role)
            .map(({ name }) => (
              <label key={name}>
                <input
                  type="checkbox"
                  checked={!without.includes(name)}
                  onChange={(event) => show(name, event.currentTarget.checked)}
                />
                {name}
              </label>
            ))}
        </fieldset>
      ))}
      <div class="actions">
        <button type="button" class="button" onClick={() => adjust({ without: LEFT_OUT })}>
          As at first
        </button>
        <button type="button" class="button" onClick={() => adjust({ without: [] })}>
          All
        </button>
        <button type="button" class="button filled" onClick={closeDialog}>
          Done
        </button>
      </div>
    </Dialog>
  )
}
