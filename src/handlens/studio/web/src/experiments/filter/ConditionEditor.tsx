// A condition on one column: which of its values, a least and a most, or a text in it.

import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { number } from '../../text/format'
import { type Condition, shown } from '../state/filter'
import { runs } from '../state/study'
import { find, type Json, keyOf, levelsOf } from '../state/table'
import { conditionsFrom, rangeFrom } from './draft'

/** A column with more different values than this is asked for a text or a range instead. */
const LISTED = 30

interface Props {
  column: string
  conditions: readonly Condition[]
  /** null: nothing changes */
  onDone: (conditions: readonly Condition[] | null) => void
}

export function ConditionEditor({ column, conditions, onDone }: Props): JSX.Element {
  const box = useRef<HTMLFormElement>(null)
  const of = find(runs.value, column)
  const levels = of ? levelsOf(of) : []
  const listed = levels.length <= LISTED
  const first = rangeFrom(conditions)
  const least = useSignal(first.least)
  const most = useSignal(first.most)
  const text = useSignal(first.text)
  const chosen = useSignal<ReadonlySet<string>>(new Set(first.values.map(keyOf)))
  useLayoutEffect(() => box.current?.querySelector<HTMLElement>('input')?.focus(), [])
  const made = conditionsFrom(column, {
    least: least.value,
    most: most.value,
    text: text.value,
    values: levels.filter((level) => chosen.value.has(keyOf(level))),
  })
  return (
    <form
      ref={box}
      class="condition-editor"
      aria-label={`Condition on ${column}`}
      onSubmit={(event) => {
        event.preventDefault()
        if (typeof made !== 'string') onDone(made)
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.preventDefault()
        event.stopPropagation()
        onDone(null)
      }}
    >
      <b>{column}</b>
      {listed ? (
        <fieldset>
          <legend class="visually-hidden">Values of {column}</legend>
          {levels.map((level) => (
            <Level
              key={keyOf(level)}
              of={level}
              count={of!.values.filter((value) => keyOf(value) === keyOf(level)).length}
              on={chosen.value.has(keyOf(level))}
              onChange={(on) => {
                const next = new Set(chosen.value)
                if (on) next.add(keyOf(level))
                else next.delete(keyOf(level))
                chosen.value = next
              }}
            />
          ))}
        </fieldset>
      ) : (
        !of?.numeric && (
          <label>
            has <input type="text" value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
          </label>
        )
      )}
      {of?.numeric && (
        <>
          <label>
            at least{' '}
            <input
              type="text"
              inputMode="decimal"
              size={9}
              value={least.value}
              onInput={(event) => (least.value = event.currentTarget.value)}
            />
          </label>
          <label>
            at most{' '}
            <input
              type="text"
              inputMode="decimal"
              size={9}
              value={most.value}
              onInput={(event) => (most.value = event.currentTarget.value)}
            />
          </label>
        </>
      )}
      {typeof made === 'string' && (
        <span class="bad" role="alert">
          {made}
        </span>
      )}
      <button type="submit" class="button small filled" aria-disabled={typeof made === 'string'}>
        Apply
      </button>
      <button type="button" class="button small" onClick={() => onDone(null)}>
        Cancel
      </button>
    </form>
  )
}

interface LevelProps {
  of: Json
  count: number
  on: boolean
  onChange: (on: boolean) => void
}

function Level({ of, count, on, onChange }: LevelProps): JSX.Element {
  return (
    <label>
      <input type="checkbox" checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
      {of === null ? 'not there' : shown(of)} <small>{number(count)}</small>
    </label>
  )
}
