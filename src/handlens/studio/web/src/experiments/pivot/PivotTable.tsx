// The table of the pivot: a real one, with heads, whose cells are buttons. One stop for Tab, arrow keys within.

import { computed, useSignal } from '@preact/signals'
import type { ComponentChildren, JSX, TargetedKeyboardEvent } from 'preact'
import { useRef } from 'preact/hooks'
import { Icon } from '../../components/icons'
import { isNarrow } from '../../state/screen'
import { plural } from '../../text/format'
import { writerOf } from '../runs/digits'
import { widthOf } from '../runs/widths'
import { shown } from '../state/filter'
import { calledAs, narrow, pivotValue } from '../state/looked-at'
import { go, place } from '../state/place'
import { runs } from '../state/study'
import { find, keyOf } from '../state/table'
import { type Cell, conditionsOf, headsOf, inWords, type Layout, valuesOf } from './layout'
import { AGGREGATE_NAMES } from './PivotFields'
import { graphText, SmallGraph } from './SmallGraph'
import { shade, shadingOf, shareOf } from './shade'
import { frame, layout, toggleBaseline } from './state'
import { VERDICTS } from './verdicts'

/** Pixels of a cell. */
const [LEAST, MOST] = [196, 300]

/** How much wider bold letters are. */
const BOLD = 1.2

/** Pixels of a head on a narrow screen, at the most: the cells beside it are what is read. */
const NARROW = 116

/** More rows than this are drawn only when asked for. */
const ROWS = 100

/** How the numbers of the cells are written. */
const write = computed(() => {
  const cells = layout.value?.cells.flat() ?? []
  const { aggregate } = place.value
  return writerOf(cells.flatMap((cell) => cell?.numbers[aggregate] ?? []))
})

/** What the colours stand for; null where nothing is better or worse. */
export const shading = computed(() => {
  const { aggregate } = place.value
  if (aggregate === 'count') return null
  const numbers = (layout.value?.cells.flat() ?? []).flatMap((cell) => cell?.numbers[aggregate] ?? [])
  return shadingOf(numbers, aggregate === 'sd' || isSmallerBetter())
})

/** Of the number that is summed up. */
const isSmallerBetter = (): boolean => find(runs.value, pivotValue.value)?.smallerIsBetter ?? true

export { write as writeNumber }

export function PivotTable({ of }: { of: Layout }): JSX.Element {
  const more = useSignal(ROWS)
  /** the cell that had the focus last, which Tab comes back to */
  const wanted = useSignal('0,0')
  const table = useRef<HTMLTableElement>(null)
  const rows = of.rows.slice(0, more.value)
  const { rows: across, columns: down } = of.axes
  const widths = across.map((name) => {
    const labels = of.labels[name]!
    // Heads are bold, and have more room at their sides.
    const width = Math.round(BOLD * widthOf(name, labels.length, (at) => shown(labels[at] ?? null)))
    return isNarrow.value ? Math.min(NARROW, width) : width
  })
  const heads = widths.reduce((sum, width) => sum + width, 0)
  const stop = stopOf(of, wanted.value)
  const rowHeads = across.map((_, level) => headsOf(rows, level))
  return (
    <div>
      <table
        ref={table}
        class="pivot"
        style={{
          minWidth: `${heads + LEAST * of.columns.length}px`,
          maxWidth: `${heads + MOST * of.columns.length}px`,
        }}
        onKeyDown={(event) => onKey(event, table.current!, wanted)}
      >
        <caption class="visually-hidden">
          {AGGREGATE_NAMES[place.value.aggregate]} of {calledAs(pivotValue.value)} by {[...across, ...down].join(', ')}
        </caption>
        <colgroup>
          {widths.map((width, at) => (
            <col key={across[at]} style={{ width: `${width}px` }} />
          ))}
          <col span={of.columns.length} />
        </colgroup>
        <thead>
          {down.length === 0 ? (
            <tr>
              {across.map((name) => (
                <th key={name} scope="col" class="axis-head">
                  {name}
                </th>
              ))}
              <th scope="col">{calledAs(pivotValue.value)}</th>
            </tr>
          ) : (
            down.map((name, level) => (
              <tr key={name}>
                {level === down.length - 1
                  ? across.map((one) => (
                      <th key={one} scope="col" class="axis-head">
                        {one}
                      </th>
                    ))
                  : level === 0 && <td colSpan={across.length} rowSpan={down.length - 1} />}
                {headsOf(of.columns, level).map(
                  (head, i) =>
                    head && (
                      <th key={i} scope={head.span > 1 ? 'colgroup' : 'col'} colSpan={head.span}>
                        <small>{name}</small> {shown(of.labels[name]![head.code] ?? null)}
                      </th>
                    ),
                )}
              </tr>
            ))
          )}
        </thead>
        <tbody>
          {rows.map((codes, row) => (
            <tr key={codes.join()}>
              {across.map((name, level) => {
                const head = rowHeads[level]![row]
                return (
                  head && (
                    <th key={name} scope={head.span > 1 ? 'rowgroup' : 'row'} rowSpan={head.span}>
                      <span>{shown(of.labels[name]![head.code] ?? null)}</span>
                    </th>
                  )
                )
              })}
              {of.cells[row]!.map((cell, column) => (
                <OneCell
                  key={column}
                  of={of}
                  cell={cell}
                  place={`${row},${column}`}
                  isStop={stop === `${row},${column}`}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {of.rows.length > rows.length && (
        <p class="pivot-more">
          {plural(of.rows.length - rows.length, 'more row')}.{' '}
          <button type="button" class="button small" onClick={() => (more.value += ROWS)}>
            Show more
          </button>
        </p>
      )}
    </div>
  )
}

/** The one cell that Tab goes to: the one wanted, or the first that there is. */
function stopOf({ cells }: Layout, wanted: string): string {
  const there = cells.flatMap((row, r) => row.flatMap((cell, c) => (cell ? [`${r},${c}`] : [])))
  return there.includes(wanted) ? wanted : (there[0] ?? '')
}

/** Arrow keys, Home and End move the focus from cell to cell; B makes one the baseline. */
function onKey(event: TargetedKeyboardEvent<HTMLTableElement>, table: HTMLTableElement, stop: { value: string }): void {
  const button = (event.target as HTMLElement).closest<HTMLElement>('[data-cell]')
  if (!button || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key.toLowerCase() === 'b') {
    button.parentElement!.querySelector<HTMLElement>('.as-baseline')?.click()
    event.preventDefault()
    event.stopPropagation()
    return
  }
  const [row, column] = button.dataset.cell!.split(',').map(Number) as [number, number]
  const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key]
  const all = [...table.querySelectorAll<HTMLElement>('[data-cell]')]
  let to: HTMLElement | undefined
  if (event.key === 'Home') to = all[0]
  else if (event.key === 'End') to = all.at(-1)
  else if (way) {
    // Over empty places to the next cell that way.
    const next = (r: number, c: number): HTMLElement | undefined => {
      const [nextRow, nextColumn] = [r + way[0]!, c + way[1]!]
      const inside = layout.value?.cells[nextRow]
      if (!inside || nextColumn < 0 || nextColumn >= inside.length) return undefined
      return all.find((one) => one.dataset.cell === `${nextRow},${nextColumn}`) ?? next(nextRow, nextColumn)
    }
    to = next(row, column)
  } else return
  event.preventDefault()
  event.stopPropagation()
  if (to) {
    stop.value = to.dataset.cell!
    to.focus()
  }
}

interface CellProps {
  of: Layout
  cell: Cell | null
  /** row and column */
  place: string
  isStop: boolean
}

function OneCell({ of, cell, place: at, isStop }: CellProps): JSX.Element {
  if (!cell) return <td class="nothing" aria-label="no runs" />
  const { aggregate, baseline } = place.value
  const value = cell.numbers[aggregate]
  const scale = shading.value
  const values = valuesOf(of, cell)
  const isBaseline = baseline !== null && keyOf(baseline) === keyOf(values)
  const text = value === null ? 'no number' : write.value(value)
  const interval =
    cell.low === null || cell.high === null ? null : `${write.value(cell.low)} to ${write.value(cell.high)}`
  const count = plural(cell.count, 'run')
  const missing = cell.missing > 0 ? cell.whyMissing || `${cell.missing} without a number` : ''
  const { versus } = cell
  const said = versus && VERDICTS[versus.verdict]
  const difference =
    versus && versus.difference !== null && versus.verdict !== 'baseline'
      ? `${signed(versus.difference)}${versus.low === null || versus.high === null ? '' : ` (${signed(versus.low)} to ${signed(versus.high)})`}`
      : ''
  return (
    <td
      class={isBaseline ? 'baseline' : ''}
      style={{ background: value === null || scale === null ? undefined : shade(shareOf(value, scale)) }}
    >
      <div class="pivot-cell">
        <button type="button" data-cell={at} tabIndex={isStop ? 0 : -1} onClick={() => openCell(of, cell)}>
          <b>
            <Unseen>
              {inWords(values)}: {AGGREGATE_NAMES[aggregate]}{' '}
            </Unseen>
            {text}
          </b>{' '}
          {aggregate === 'mean' && interval && (
            <small>
              <Unseen>, 95 % interval </Unseen>
              {interval}
            </small>
          )}{' '}
          <small>
            <Unseen>, </Unseen>
            {count}
            {missing && ` + ${missing}`}
          </small>{' '}
          {frame.value && (
            <>
              <SmallGraph runs={cell.runs} frame={frame.value} />
              <Unseen>, {graphText(cell.runs)}, </Unseen>
            </>
          )}
          {said && (
            <small class={`verdict ${said.kind}`}>
              <span aria-hidden="true">{said.mark}</span> {said.text}
              {difference && <span class="difference"> {difference}</span>}
            </small>
          )}
        </button>
        <button
          type="button"
          class="as-baseline"
          tabIndex={-1}
          aria-pressed={isBaseline}
          aria-label={`Compare the others with ${inWords(values)}`}
          data-tip="Compare the others with this"
          data-key="B"
          onClick={() => toggleBaseline(values)}
        >
          <Icon name="tag" size={14} />
        </button>
      </div>
    </td>
  )
}

/** What only a screen reader tells. */
function Unseen({ children }: { children: ComponentChildren }): JSX.Element {
  return <span class="visually-hidden">{children}</span>
}

const signed = (value: number): string => (value > 0 ? `+${write.value(value)}` : write.value(value))

/** Shows the runs of a cell in the table. */
function openCell(of: Layout, cell: Cell): void {
  const conditions = conditionsOf(of, cell, runs.value)
  const phases = find(runs.value, 'phase')
  // The pivot leaves confirming runs out, unless it is by phase.
  if (phases?.values.includes('confirm') && ![...of.axes.rows, ...of.axes.columns].includes('phase'))
    conditions.push({ column: 'phase', is: 'in', values: ['study'] })
  go({ view: 'runs', where: narrow(conditions) })
}
