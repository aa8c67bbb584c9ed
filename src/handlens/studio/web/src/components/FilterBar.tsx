// The bar over the map while photos are filtered: a chip for each condition, how many photos match, and what to do with
// them.

import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { count } from '../state/collection'
import { columnNames, loadColumnNames } from '../state/columns'
import { FIELDS, type Field, type Item, isComplete, wordsOf } from '../state/filter-tree'
import {
  addCondition,
  askAgain,
  clearFilter,
  deleteSaved,
  edit,
  editing,
  filter,
  found,
  foundCount,
  loadSaved,
  matchBy,
  problem,
  removeItem,
  reviewFound,
  saved,
  saveFilter,
  useSaved,
} from '../state/filters'
import { predictions } from '../state/model'
import { bar, shown } from '../state/view'
import { number, photos as photosText } from '../text/format'
import { IconButton } from './Button'
import { Editor } from './FilterEditor'
import { Icon } from './icons'
import { Menu, type MenuItem } from './Menu'

export function FilterBar(): JSX.Element | null {
  const now = bar.value
  const line = useRef<HTMLElement>(null)
  useLayoutEffect(() => {
    if (now) void loadColumnNames()
    // An empty bar was just opened: its only control is what the person wants next.
    if (now?.items.length === 0) line.current?.querySelector<HTMLElement>('#add-condition')?.focus()
  }, [now === null])
  if (!now) return null
  const at = editing.value
  const edited = now.items[at]
  return (
    <section class="filter-bar" aria-label="Filter" ref={line}>
      <div class="filter-line">
        {now.items.length > 1 && (
          <select
            class="small"
            aria-label="Which conditions photos must meet"
            value={now.match}
            onChange={(event) => matchBy(event.currentTarget.value as 'all' | 'any')}
          >
            <option value="all">all of</option>
            <option value="any">any of</option>
          </select>
        )}
        {now.items.length > 0 && (
          <ul class="filter-chips">
            {now.items.map((item, i) => (
              <Chip key={i} item={item} at={i} />
            ))}
          </ul>
        )}
        <Menu
          name="Add a condition"
          label={now.items.length > 0}
          items={conditions()}
          onOpen={() => void loadColumnNames()}
          id="add-condition"
        >
          <Icon name="plus" size={16} /> {now.items.length === 0 && 'Condition'}
        </Menu>
        <span class="filter-found" role="status">
          {foundText()}
        </span>
        <span class="grow" />
        <button
          type="button"
          class="button small"
          aria-label="Review these"
          data-tip="Review these photos"
          aria-disabled={!foundCount.value}
          onClick={() => foundCount.value && void reviewFound()}
        >
          Review
        </button>
        <Saved />
        <IconButton icon="close" name="Clear filter" onClick={clearFilter} />
      </div>
      {edited && <Editor key={at} item={edited} at={at} />}
      {problem.value !== null && (
        <div class="note" role="alert">
          <span>
            {found.value ? '' : 'The filter is not applied, so all photos are shown. '}
            {problem.value}
          </span>
          <button type="button" class="button small" onClick={() => void askAgain()}>
            Try again
          </button>
        </div>
      )}
    </section>
  )
}

function foundText(): string {
  const n = foundCount.value
  if (n === null) return filter.value || problem.value !== null ? '' : 'All photos are shown'
  if (n === 0) return 'No photo matches'
  if (n === count.value) return `All ${photosText(n)} match`
  const most = shown.value === 'all' || n <= shown.value ? '' : `, ${number(shown.value)} shown`
  return `${photosText(n)}${most}`
}

const NEED_MODEL: readonly Field[] = ['predicted', 'sureness', 'disagreement']

function conditions(): MenuItem[] {
  const fields = Object.keys(FIELDS) as Field[]
  const needs = (field: Field): string | null => {
    if (NEED_MODEL.includes(field) && !predictions.value) return 'train first'
    return field === 'column' && !columnNames.value?.length ? 'attach a CSV first: Split by' : null
  }
  return fields.map((field) => ({
    name: FIELDS[field],
    needs: needs(field),
    run: () => addCondition(field, columnNames.value?.[0]),
  }))
}

function Chip({ item, at }: { item: Item; at: number }): JSX.Element {
  const [about, asked] = wordsOf(item.of)
  const text = `${item.not ? 'not ' : ''}${about}: ${asked}`
  const open = editing.value === at
  return (
    <li class={`filter-chip ${isComplete(item.of) ? '' : 'incomplete'}`}>
      <button
        type="button"
        id={`condition-${at}`}
        aria-expanded={open}
        aria-label={`${text}. Change`}
        title={text}
        // Before the editor hears of a click elsewhere, which would close it: a second click on the chip closes it.
        onPointerDown={(event) => open && event.stopPropagation()}
        onClick={() => edit(open ? -1 : at)}
      >
        {item.not && <em>not</em>}
        <span class="filter-about">{about}</span> <b>{asked}</b>
      </button>
      <button type="button" aria-label={`Remove ${text}`} onClick={() => removeItem(at)}>
        <Icon name="close" size={14} />
      </button>
    </li>
  )
}

/** Keeps the filter under a name, and takes a kept one. */
function Saved(): JSX.Element {
  const naming = useSignal(false)
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => {
    if (naming.value) field.current?.focus()
  }, [naming.value])
  if (naming.value) {
    return (
      <form
        class="filter-name"
        onSubmit={(event) => {
          event.preventDefault()
          const name = field.current!.value.trim()
          if (!name) return
          void saveFilter(name).then((went) => {
            if (went) naming.value = false
          })
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.preventDefault()
          naming.value = false
        }}
      >
        <input
          ref={field}
          type="text"
          maxLength={100}
          autocomplete="off"
          aria-label="Name of the filter"
          placeholder="Name"
        />
        <button type="submit" class="button small">
          Save
        </button>
        <IconButton icon="close" name="Do not save" class="small" onClick={() => (naming.value = false)} />
      </form>
    )
  }
  const items: MenuItem[] = [
    {
      name: 'Save this filter…',
      needs: filter.value ? null : 'add a condition first',
      run: () => (naming.value = true),
    },
    ...saved.value.map((kept) => ({ name: kept.name, run: () => useSaved(kept) })),
    ...saved.value.map((kept) => ({ name: `Delete “${kept.name}”`, run: () => void deleteSaved(kept.name) })),
  ]
  return (
    <Menu name="Saved filters" items={items} onOpen={() => void loadSaved()} class="to-the-left">
      Saved
    </Menu>
  )
}

/** Over the map where no photo matches. */
export function NothingFound(): JSX.Element | null {
  if (foundCount.value !== 0) return null
  return (
    <div class="middle">
      <p>No photo matches the filter.</p>
      <button type="button" class="button filled" onClick={clearFilter}>
        Clear filter
      </button>
    </div>
  )
}
