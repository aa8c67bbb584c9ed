// All keys and gestures of the page.

import type { JSX } from 'preact'
import { Dialog } from '../../components/dialogs/Dialog'
import type { Command } from '../../keyboard/commands'
import { keyText } from '../../keyboard/key-names'
import { COMMANDS } from '../commands'
import { closeDialog } from '../state/dialogs'

const GROUPS = ['Look', 'Select', 'Page'] as const
/** Keys and gestures that no button has. */
const ELSEWHERE: { group: (typeof GROUPS)[number]; keys: string; name: string }[] = [
  { group: 'Select', keys: '↑, ↓', name: 'In the table: from run to run; with Shift, select on the way' },
  { group: 'Select', keys: 'Space', name: 'In the table: select the run, or no longer' },
  { group: 'Select', keys: 'Ctrl+A', name: 'In the table: select all runs shown' },
  { group: 'Select', keys: 'Shift + click', name: 'In the table: select all runs up to this one' },
  { group: 'Look', keys: 'Enter', name: 'In the table: open the run' },
  { group: 'Look', keys: 'drag', name: 'In the pivot: a name to rows, columns or number' },
  { group: 'Look', keys: 'arrows', name: 'In the pivot: from cell to cell' },
  { group: 'Look', keys: 'Enter', name: 'In the pivot: the runs of the cell' },
  { group: 'Look', keys: 'B', name: 'In the pivot: the cell is what the others are compared with' },
]

export function Help(): JSX.Element {
  return (
    <Dialog title="Help" class="wide" close={closeDialog}>
      <div class="keys">
        {GROUPS.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {[
                ...Object.values<Command>(COMMANDS)
                  .filter((command) => command.group === group)
                  .map(({ keys, name }) => ({ keys: keyText(keys[0]!), name })),
                ...ELSEWHERE.filter((one) => one.group === group),
              ].map(({ keys, name }) => (
                <div key={name}>
                  <dt>
                    <kbd>{keys}</kbd>
                  </dt>
                  <dd>{name}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
