// What a condition of the filter asks for, below its chip. Each change is applied at once.

import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Filter } from '../server/types'
import { columnNames, columns, loadColumn } from '../state/columns'
import { type Condition, FIELDS, type Item, KINDS, ORIGINS, textOf } from '../state/filter-tree'
import { changeItem, edit, removeItem } from '../state/filters'
import { KEYED, labels } from '../state/labels'
import { predictions } from '../state/model'
import { Swatch } from './LabelPanel'

interface Of<T extends Condition> {
  of: T
  onChange: (to: T) => void
}
type With<F extends Condition['field']> = Extract<Condition, { field: F }>

export function Editor({ item, at }: { item: Item; at: number }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const close = (): void => {
    edit(-1)
    document.getElementById(`condition-${at}`)?.focus()
  }
  useLayoutEffect(() => {
    box.current?.querySelector<HTMLElement>('input, select')?.focus()
    const away = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) edit(-1)
    }
    addEventListener('pointerdown', away)
    return () => removeEventListener('pointerdown', away)
  }, [])
  // Below its chip, as far as there is room.
  useLayoutEffect(() => {
    const element = box.current!
    const chip = document.getElementById(`condition-${at}`)?.getBoundingClientRect()
    const room = element.offsetParent?.getBoundingClientRect()
    if (!chip || !room) return
    element.style.left = `${Math.max(8, Math.min(chip.left - room.left, room.width - element.offsetWidth - 8))}px`
    element.style.maxHeight = `${Math.max(160, innerHeight - room.bottom - 12)}px`
  }, [at])
  const about = 'field' in item.of ? FIELDS[item.of.field] : 'Group'
  return (
    <div
      class="filter-editor"
      role="dialog"
      aria-label={`Condition: ${about}`}
      ref={box}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.preventDefault()
        close()
      }}
    >
      <h2>{about}</h2>
      <Body of={item.of} onChange={(of) => changeItem(at, { of })} />
      <footer>
        <label class="tick">
          <input
            type="checkbox"
            checked={item.not}
            onChange={(event) => changeItem(at, { not: event.currentTarget.checked })}
          />{' '}
          Not these: all other photos
        </label>
        <button type="button" class="button small" onClick={() => removeItem(at)}>
          Remove
        </button>
        <button type="button" class="button small filled" onClick={close}>
          Done
        </button>
      </footer>
    </div>
  )
}

function Body({ of, onChange }: { of: Filter; onChange: (to: Filter) => void }): JSX.Element {
  if (!('field' in of)) return <p class="hint">{textOf(of)}</p>
  switch (of.field) {
    case 'label':
      return <Labels of={of} onChange={onChange} names={labels.value.names.map((l) => l.name)} none="without a label" />
    case 'predicted':
      return <Labels of={of} onChange={onChange} names={predictions.value?.names ?? []} none="without a prediction" />
    case 'sureness':
      return <Sureness of={of} onChange={onChange} />
    case 'disagreement':
      return (
        <p class="hint">
          Labelled photos of which the model predicts another label. Where a photo was held out in training, the
          prediction of a model that had not seen it counts.
        </p>
      )
    case 'origin':
      return <Origin of={of} onChange={onChange} />
    case 'labelled':
      return <Time of={of} onChange={onChange} />
    case 'column':
      return <Column of={of} onChange={onChange} />
    case 'duplicate':
      return <Duplicate of={of} onChange={onChange} />
    default:
      return <p class="hint">Photos whose files cannot be read or are gone.</p>
  }
}

/** A box to tick for each value. */
function Ticks<T>({
  name,
  all,
  on,
  text,
  onChange,
}: {
  name: string
  all: readonly T[]
  on: readonly T[]
  text: (value: T) => ComponentChildren
  onChange: (on: T[]) => void
}): JSX.Element {
  return (
    <fieldset class="ticks">
      <legend class="visually-hidden">{name}</legend>
      {all.map((value) => (
        <label class="tick" key={String(value)}>
          <input
            type="checkbox"
            checked={on.includes(value)}
            onChange={(event) => onChange(event.currentTarget.checked ? [...on, value] : on.filter((v) => v !== value))}
          />
          {text(value)}
        </label>
      ))}
    </fieldset>
  )
}

/** So many values are listed at most; the others are found by what is typed. */
const LISTED = 100

/** Values to tick, found by what is typed where they are many; those that are ticked come first. */
function Values({
  name,
  all,
  none,
  on,
  text = (value) => value,
  onChange,
}: {
  name: string
  all: readonly string[]
  none: string
  on: readonly (string | null)[]
  text?: (value: string) => ComponentChildren
  onChange: (on: (string | null)[]) => void
}): JSX.Element {
  const sought = useSignal('')
  const first = useRef(on)
  const wanted = sought.value.trim().toLowerCase()
  // What is no longer there stays visible, so that it can be taken away.
  const gone = on.filter((value): value is string => value !== null && !all.includes(value))
  const fitting = [...gone, ...all].filter((value) => value.toLowerCase().includes(wanted))
  const ticked = fitting.filter((value) => first.current.includes(value))
  const listed = [...ticked, ...fitting.filter((value) => !ticked.includes(value))].slice(0, LISTED)
  return (
    <>
      {all.length > KEYED && (
        <input
          type="search"
          aria-label={`Find among ${all.length}`}
          placeholder="Find…"
          value={sought.value}
          onInput={(event) => (sought.value = event.currentTarget.value)}
        />
      )}
      <Ticks
        name={name}
        all={wanted ? listed : [null, ...listed]}
        on={on}
        text={(value) => (value === null ? <i>{none}</i> : text(value))}
        onChange={onChange}
      />
      {fitting.length > LISTED && <p class="hint">The first {LISTED} are listed; type to find the others.</p>}
    </>
  )
}

function Labels({
  of,
  onChange,
  names,
  none,
}: Of<With<'label'> | With<'predicted'>> & { names: readonly string[]; none: string }): JSX.Element {
  const colours = new Map(labels.value.names.map((l) => [l.name, l.colour]))
  return (
    <Values
      name={FIELDS[of.field]}
      all={names}
      none={none}
      on={of.names}
      text={(name) => (
        <>
          {colours.has(name) && <Swatch colour={colours.get(name)!} text="" />}{' '}
          <span class="value" dir="auto">
            {name}
          </span>
        </>
      )}
      onChange={(on) => onChange({ ...of, names: on })}
    />
  )
}

/** A number field; empty for no bound. */
function Bound({
  name,
  value,
  onChange,
  ...range
}: {
  name: string
  value: number | null | undefined
  onChange: (to: number | null) => void
  min?: number
  max?: number
  step?: number | 'any'
}): JSX.Element {
  return (
    <label class="bound">
      {name}{' '}
      <input
        type="number"
        {...range}
        value={value ?? ''}
        onInput={(event) => {
          const to = event.currentTarget.valueAsNumber
          if (event.currentTarget.validity.valid) onChange(Number.isNaN(to) ? null : to)
        }}
      />
    </label>
  )
}

function Sureness({ of, onChange }: Of<With<'sureness'>>): JSX.Element {
  const share = (value: number | null): number | null => (value === null ? null : value / 100)
  const shown = (value: number | null | undefined): number | null =>
    value == null ? null : Number((100 * value).toFixed(6))
  return (
    <div class="bounds">
      <Bound
        name="From (%)"
        min={0}
        max={100}
        step="any"
        value={shown(of.at_least)}
        onChange={(to) => onChange({ ...of, at_least: share(to) })}
      />
      <Bound
        name="below (%)"
        min={0}
        max={100}
        step="any"
        value={shown(of.below)}
        onChange={(to) => onChange({ ...of, below: share(to) })}
      />
    </div>
  )
}

function Origin({ of, onChange }: Of<With<'origin'>>): JSX.Element {
  return (
    <Ticks
      name="Origin"
      all={Object.keys(ORIGINS) as (keyof typeof ORIGINS)[]}
      on={of.names}
      text={(name) => ORIGINS[name]}
      onChange={(names) => onChange({ ...of, names })}
    />
  )
}

function Time({ of, onChange }: Of<With<'labelled'>>): JSX.Element {
  return (
    <div class="bounds">
      <Moment name="From" value={of.since} onChange={(since) => onChange({ ...of, since })} />
      <Moment name="before" value={of.before} onChange={(before) => onChange({ ...of, before })} />
    </div>
  )
}

/** A time as a field shows it: the person's own, to the minute. */
function local(at: string | null | undefined): string {
  if (!at) return ''
  const time = new Date(at)
  return new Date(time.getTime() - 60_000 * time.getTimezoneOffset()).toISOString().slice(0, 16)
}

function Moment({
  name,
  value,
  onChange,
}: {
  name: string
  value: string | null | undefined
  onChange: (to: string | null) => void
}): JSX.Element {
  return (
    <label class="bound">
      {name}{' '}
      <input
        type="datetime-local"
        value={local(value)}
        onInput={(event) => {
          const text = event.currentTarget.value
          onChange(text ? new Date(text).toISOString() : null)
        }}
      />
    </label>
  )
}

function Column({ of, onChange }: Of<With<'column'>>): JSX.Element {
  const names = columnNames.value ?? []
  const found = columns.value.get(of.column)
  useEffect(() => {
    if (names.includes(of.column)) void loadColumn(of.column)
  }, [of.column, names])
  return (
    <>
      <label>
        Column{' '}
        <select
          value={of.column}
          onChange={(event) => onChange({ field: 'column', column: event.currentTarget.value, values: [] })}
        >
          {!names.includes(of.column) && <option value={of.column}>{of.column}</option>}
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {found?.kind === 'text' && (
        <Values
          key={of.column}
          name={of.column}
          all={found.values}
          none="without a value"
          on={(of.values ?? []) as (string | null)[]}
          onChange={(values) => onChange({ field: 'column', column: of.column, values })}
        />
      )}
      {found?.kind === 'numbers' && (
        <>
          <div class="bounds">
            <Bound
              name="From"
              step="any"
              value={of.at_least}
              onChange={(to) => onChange({ field: 'column', column: of.column, at_least: to, below: of.below })}
            />
            <Bound
              name="below"
              step="any"
              value={of.below}
              onChange={(to) => onChange({ field: 'column', column: of.column, at_least: of.at_least, below: to })}
            />
          </div>
          <Ticks
            name={of.column}
            all={[null]}
            on={of.values ?? []}
            text={() => <i>without a value</i>}
            onChange={(values) => onChange({ field: 'column', column: of.column, values })}
          />
        </>
      )}
    </>
  )
}

const KIND_NAMES: Record<(typeof KINDS)[number], string> = {
  first: 'the first of a group',
  exact: 'the same pixels as the first',
  near: 'nearly the same as the first',
}

function Duplicate({ of, onChange }: Of<With<'duplicate'>>): JSX.Element {
  return (
    <Ticks
      name="Duplicates"
      all={KINDS}
      on={of.kinds ?? []}
      text={(kind) => KIND_NAMES[kind]}
      onChange={(kinds) => onChange({ ...of, kinds })}
    />
  )
}
