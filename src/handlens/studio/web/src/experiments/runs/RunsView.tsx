// The table of runs, and what can be done with those that are selected.

import type { JSX } from 'preact'
import { Icon } from '../../components/icons'
import { ariaKey, keyText } from '../../keyboard/key-names'
import { plural } from '../../text/format'
import { RunActions } from '../actions/RunActions'
import { COMMANDS } from '../commands'
import { openDialog } from '../state/dialogs'
import { met, select, selected, setConditions } from '../state/looked-at'
import { go } from '../state/place'
import { RunsTable } from './RunsTable'

export function RunsView(): JSX.Element {
  const n = selected.value.size
  return (
    <div class="runs-view">
      <div class="runs-line" role="group" aria-label="Selected runs">
        {n === 0 ? (
          <span class="hint wide-only">Select runs with Space, or with the boxes at their start.</span>
        ) : (
          <>
            <span role="status">{plural(n, 'run')} selected</span>
            <button type="button" class="button small" onClick={() => select([])}>
              Clear
            </button>
            <button type="button" class="button small" onClick={() => go({ view: 'compare' })}>
              Compare
            </button>
            <RunActions ids={[...selected.value]} />
          </>
        )}
        <span class="grow" />
        <button
          type="button"
          class="button small"
          aria-keyshortcuts={ariaKey(COMMANDS.columns.keys[0]!)}
          data-tip={COMMANDS.columns.name}
          data-key={keyText(COMMANDS.columns.keys[0]!)}
          onClick={() => openDialog('columns')}
        >
          <Icon name="grid" size={16} /> Columns
        </button>
      </div>
      {met.value.length === 0 ? (
        <div class="opening">
          <p>No run meets the filter.</p>
          <button type="button" class="button filled" onClick={() => setConditions([])}>
            Clear filter
          </button>
        </div>
      ) : (
        <RunsTable />
      )}
    </div>
  )
}
