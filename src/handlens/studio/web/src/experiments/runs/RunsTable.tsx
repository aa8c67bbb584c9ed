// The table of runs: of many thousands only the rows that are seen are drawn. One stop for Tab, arrow keys within.

import { computed, signal, useComputed, useSignal } from '@preact/signals'
import type { JSX, TargetedKeyboardEvent, TargetedMouseEvent } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Icon } from '../../components/icons'
import { announce } from '../../state/messages'
import { number } from '../../text/format'
import { calledAs, openRun, ordered, select, selected, shownColumns, sortBy, toggleSelected } from '../state/looked-at'
import { place } from '../state/place'
import { lost, runs } from '../state/study'
import { type Column, find, type Json } from '../state/table'
import { Status, saidOf } from '../status'
import { nextCurrent } from './current'
import { writerFor } from './digits'
import { nextSorting } from './order'
import { rowsSeen, widthOf } from './widths'

const HEIGHT = 30
const HEAD = 34
/** The column with the boxes and the numbers of the runs. */
const FIRST = 108

interface Shown {
  column: Column
  write: (value: Json) => string
  width: number
}

const shown = computed<Shown[]>(() =>
  shownColumns.value.map((column) => {
    const write = writerFor(column)
    const { length } = column.values
    // The status has a shape before its word.
    const more = column.name === 'status' ? 20 : 0
    const width = widthOf(calledAs(column.name), length, (row) => write(column.values[row]!)) + more
    return { column, write, width }
  }),
)

/** The run that the keys are at. */
const current = signal<number | null>(null)

export function RunsTable(): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null)
  const scrolled = useSignal(0)
  const room = useSignal(600)
  // Changes only when other rows are seen, not with each pixel.
  const span = useComputed(() => rowsSeen(ordered.value.length, HEIGHT, scrolled.value, room.value))
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => {
      room.value = entry!.contentRect.height
    })
    watch.observe(scroller.current!)
    return () => watch.disconnect()
  }, [])
  const ids = runs.value.ids
  const rows = ordered.value
  const { first, end } = span.value
  const at = rows.findIndex((row) => ids[row] === current.value)
  const reveal = (to: number): void => {
    const box = scroller.current!
    const top = to * HEIGHT
    if (top < box.scrollTop) box.scrollTop = top
    else if (top + HEIGHT + HEAD > box.scrollTop + box.clientHeight)
      box.scrollTop = top + HEIGHT + HEAD - box.clientHeight
    // The row is drawn with the next one that has the focus, not when the browser tells of the scrolling.
    scrolled.value = box.scrollTop
  }
  const goTo = (to: number): void => {
    current.value = ids[rows[to]!]!
    reveal(to)
  }
  const width = FIRST + shown.value.reduce((sum, one) => sum + one.width, 0)
  const idOf = (id: number): string => `run-row-${id}`
  return (
    <div
      class="runs-scroll"
      ref={scroller}
      onScroll={(event) => {
        scrolled.value = event.currentTarget.scrollTop
      }}
    >
      <table
        class="runs-table"
        style={{ width: `${width}px` }}
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: ARIA has grids made of tables
        role="grid"
        aria-label="Runs"
        aria-rowcount={rows.length + 1}
        aria-colcount={shown.value.length + 1}
        aria-multiselectable="true"
        tabIndex={0}
        aria-activedescendant={at >= first && at < end ? idOf(current.value!) : undefined}
        onFocus={() => {
          if (at < 0 && rows.length > 0)
            current.value = ids[rows[first === 0 ? 0 : Math.min(first + 12, rows.length - 1)]!]!
        }}
        onKeyDown={(event) => onKey(event, rows, at, Math.max(1, Math.floor(room.value / HEIGHT) - 2), goTo)}
      >
        <colgroup>
          <col style={{ width: `${FIRST}px` }} />
          {shown.value.map(({ column, width }) => (
            <col key={column.name} style={{ width: `${width}px` }} />
          ))}
        </colgroup>
        <Head />
        <tbody>
          {first > 0 && <Gap height={first * HEIGHT} />}
          {rows.slice(first, end).map((row, i) => {
            const id = ids[row]!
            return (
              <Row
                key={id}
                id={id}
                row={row}
                index={first + i + 2}
                current={id === current.value}
                selected={selected.value.has(id)}
                open={place.value.run === id}
                elementId={idOf(id)}
              />
            )
          })}
          {end < rows.length && <Gap height={(rows.length - end) * HEIGHT} />}
        </tbody>
      </table>
    </div>
  )
}

/** Room for rows that are not drawn. */
function Gap({ height }: { height: number }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr aria-hidden="true" class="gap">
      <td style={{ height: `${height}px` }} />
    </tr>
  )
}

function onKey(
  event: TargetedKeyboardEvent<HTMLTableElement>,
  rows: readonly number[],
  at: number,
  page: number,
  goTo: (to: number) => void,
): void {
  // Buttons in the table have keys of their own.
  if (event.target !== event.currentTarget || event.altKey) return
  const ids = runs.value.ids
  const idAt = (row: number): number => ids[rows[row]!]!
  if (event.ctrlKey || event.metaKey) {
    if (event.key !== 'a') return
    event.preventDefault()
    select(rows.map((row) => ids[row]!))
    announce(`${number(rows.length)} runs selected`)
    return
  }
  const to = nextCurrent(event.key, at, rows.length, page)
  if (to !== null) {
    goTo(to)
    if (event.shiftKey) select([...new Set([...place.value.selected, ...(at < 0 ? [] : [idAt(at)]), idAt(to)])])
  } else if (event.key === ' ' && at >= 0) toggleSelected(idAt(at))
  else if (event.key === 'Enter' && at >= 0) openRun(idAt(at))
  else return
  event.preventDefault()
  event.stopPropagation()
}

function Head(): JSX.Element {
  const { sort } = place.value
  const all = ordered.value
  const n = selected.value.size
  return (
    <thead>
      <tr aria-rowindex={1}>
        <th scope="col" class="first">
          <label data-tip={n > 0 ? 'Clear the selection' : 'Select all runs shown'}>
            <input
              type="checkbox"
              aria-label={n > 0 ? 'Clear the selection' : 'Select all runs shown'}
              checked={n > 0}
              ref={(box) => {
                if (box) box.indeterminate = n > 0 && n < all.length
              }}
              onChange={() => select(n > 0 ? [] : all.map((row) => runs.value.ids[row]!))}
            />
          </label>
          Run
        </th>
        {shown.value.map(({ column: { name, numeric } }) => {
          const sorted = sort?.column === name ? (sort.descending ? 'descending' : 'ascending') : undefined
          return (
            <th key={name} scope="col" class={numeric ? 'number' : ''} aria-sort={sorted}>
              <button
                type="button"
                title={calledAs(name) === name ? name : `${name}: ${calledAs(name)}`}
                onClick={() => sortBy(nextSorting(sort, name))}
              >
                <span>{calledAs(name)}</span>
                {sorted && <Icon name={sorted === 'ascending' ? 'up' : 'down'} size={14} />}
              </button>
            </th>
          )
        })}
      </tr>
    </thead>
  )
}

interface RowProps {
  id: number
  row: number
  /** from 1, which is the head */
  index: number
  current: boolean
  selected: boolean
  open: boolean
  elementId: string
}

function Row({ id, row, index, current: isCurrent, selected: isSelected, open, elementId }: RowProps): JSX.Element {
  const mark = (name: string): boolean => find(runs.value, name)?.values[row] === true
  const [star, hidden, stop] = [mark('star'), mark('hidden'), mark('stop')]
  return (
    <tr
      id={elementId}
      aria-rowindex={index}
      aria-selected={isSelected}
      class={`${isCurrent ? 'current' : ''} ${open ? 'open' : ''} ${hidden ? 'hidden-run' : ''}`}
      onClick={(event) => onClick(event, id)}
    >
      <th scope="row" class="first">
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Select run ${id}`}
          checked={isSelected}
          onClick={(event) => {
            event.stopPropagation()
            if (event.shiftKey) selectUpTo(id)
            else toggleSelected(id)
            current.value = id
          }}
        />
        <span class="run-id">{id}</span>
        {star && (
          <span class="star" title="starred">
            <span aria-hidden="true">★</span>
            <span class="visually-hidden">starred</span>
          </span>
        )}
        {hidden && <small>hidden</small>}
      </th>
      {shown.value.map(({ column: { name, numeric, values }, write }) => {
        const value = values[row]!
        const text = write(value)
        const whole = typeof value === 'string' ? value : text
        return (
          <td
            key={name}
            class={numeric ? 'number' : ''}
            title={whole.length > 24 || whole !== text ? whole : undefined}
          >
            {name === 'status' && typeof value === 'string' ? (
              <Status of={saidOf(value, id, lost.value, stop)} />
            ) : (
              text
            )}
          </td>
        )
      })}
    </tr>
  )
}

function onClick(event: TargetedMouseEvent<HTMLElement>, id: number): void {
  // Text that was marked to be copied does not open the run.
  if (String(getSelection())) return
  if (event.shiftKey) selectUpTo(id)
  else if (event.ctrlKey || event.metaKey) toggleSelected(id)
  else openRun(id)
  current.value = id
}

/** Selects the runs from the current one to this one. */
function selectUpTo(id: number): void {
  const ids = ordered.value.map((row) => runs.value.ids[row]!)
  const [a, b] = [ids.indexOf(current.value ?? id), ids.indexOf(id)].sort((x, y) => x - y) as [number, number]
  select([...new Set([...place.value.selected, ...ids.slice(Math.max(a, 0), b + 1)])])
}
