// The line above all views: the conditions that runs must meet, and how many meet them.

import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { Icon } from '../../components/icons'
import { Menu } from '../../components/Menu'
import { ariaKey, keyText } from '../../keyboard/key-names'
import { plural } from '../../text/format'
import { COMMANDS } from '../commands'
import { allOf, type Condition, wordsOf } from '../state/filter'
import { allColumns, hiddenCount, met, narrow, setConditions } from '../state/looked-at'
import { adjust, place } from '../state/place'
import { loaded, runs } from '../state/study'
import { ConditionEditor } from './ConditionEditor'

export function FilterLine(): JSX.Element {
  /** the column whose condition is being made or changed */
  const editing = useSignal<string | null>(null)
  const where = place.value.where
  const columns = [...new Set(where.map(({ column }) => column))]
  const remove = (column: string): void => setConditions(where.filter((one) => one.column !== column))
  return (
    <section class="filter-bar experiments-filter" aria-label="Filter">
      <div class="filter-line">
        {columns.length > 0 && (
          <ul class="filter-chips">
            {columns.map((column) => (
              <Chip
                key={column}
                conditions={where.filter((one) => one.column === column)}
                open={editing.value === column}
                onOpen={() => {
                  editing.value = editing.value === column ? null : column
                }}
                onRemove={() => {
                  editing.value = null
                  remove(column)
                }}
              />
            ))}
          </ul>
        )}
        <Menu
          name="Add a condition"
          label={columns.length > 0}
          items={allColumns.value.map(({ name }) => ({
            name,
            run: () => {
              editing.value = name
            },
          }))}
          id="add-condition"
        >
          <Icon name="plus" size={16} /> {columns.length === 0 && 'Condition'}
        </Menu>
        <span class="filter-found" role="status">
          {loaded.value && found()}
        </span>
        <span class="grow" />
        {hiddenCount.value > 0 && (
          <button
            type="button"
            class="button small"
            aria-pressed={place.value.hidden}
            aria-keyshortcuts={ariaKey(COMMANDS.hidden.keys[0]!)}
            data-tip={COMMANDS.hidden.name}
            data-key={keyText(COMMANDS.hidden.keys[0]!)}
            onClick={() => adjust({ hidden: !place.value.hidden })}
          >
            {plural(hiddenCount.value, 'hidden run')} {place.value.hidden ? 'shown' : 'left out'}
          </button>
        )}
        {columns.length > 0 && (
          <button type="button" class="button small" onClick={() => setConditions([])}>
            Clear filter
          </button>
        )}
      </div>
      {editing.value !== null && (
        <ConditionEditor
          key={editing.value}
          column={editing.value}
          conditions={where.filter(({ column }) => column === editing.value)}
          onDone={(conditions) => {
            const column = editing.value!
            editing.value = null
            if (conditions)
              setConditions(conditions.length > 0 ? narrow(conditions) : where.filter((one) => one.column !== column))
            document.querySelector<HTMLElement>('#add-condition')?.focus()
          }}
        />
      )}
    </section>
  )
}

function found(): string {
  const [n, all] = [met.value.length, runs.value.ids.length]
  return n === all ? allOf(all) : `${n === 0 ? 'None' : n.toLocaleString('en')} of ${plural(all, 'run')}`
}

interface ChipProps {
  conditions: readonly Condition[]
  open: boolean
  onOpen: () => void
  onRemove: () => void
}

function Chip({ conditions, open, onOpen, onRemove }: ChipProps): JSX.Element {
  const text = conditions.map(wordsOf).join(' and ')
  return (
    <li class="filter-chip">
      <button type="button" aria-expanded={open} aria-label={`${text}. Change`} title={text} onClick={onOpen}>
        <b>{text}</b>
      </button>
      <button type="button" aria-label={`Remove ${text}`} onClick={onRemove}>
        <Icon name="close" size={14} />
      </button>
    </li>
  )
}
