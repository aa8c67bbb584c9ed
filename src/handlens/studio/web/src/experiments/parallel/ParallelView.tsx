// Parallel coordinates: a line for each run over an axis for each choice, to the value it ended with. Marking a part of
// an axis is a condition on its column, which holds in all views.

import type { JSX } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import { rampCss } from '../../colour/ramp'
import { announce } from '../../state/messages'
import { theme } from '../../state/theme'
import { number, plural } from '../../text/format'
import { figure } from '../scale'
import { useSize } from '../size'
import { allOf, type Condition, meeting } from '../state/filter'
import { type Column, choicesOf, find, levelsOf, type Runs } from '../state/table'
import { AxisView } from './AxisView'
import { type Axis, axisOf, inOrder, moved } from './axes'
import { type Brush, brushOf, withBrush } from './brushes'
import { Lines } from './Lines'
import { leastWidth, xOf } from './layout'
import { Parts } from './Parts'
import { type Direction, valuesText } from './summary'

export interface ParallelProps {
  runs: Runs
  /** the column on the last axis, which gives the lines their colour */
  value: string
  /** what it is called */
  called: string
  /** which runs are looked at: the marks on the axes are part of it */
  where: readonly Condition[]
  showHidden: boolean
  /** names of axes, from the left; others follow in the order of the study */
  axes: readonly string[]
  /** axes that have the other scale than at first: log instead of even, or even instead of log */
  otherScales: readonly string[]
  onWhere: (where: readonly Condition[]) => void
  onAxes: (axes: readonly string[]) => void
  onOtherScales: (names: readonly string[]) => void
  onSelect: (runs: readonly number[]) => void
}

/** So many runs can be selected: each is part of the address. */
const MOST_SELECTED = 200

export function ParallelView(props: ParallelProps): JSX.Element {
  const { runs, value, called, where, showHidden, onWhere } = props
  const [draft, setDraft] = useState<{ axis: string; brush: Brush } | null>(null)
  const values = find(runs, value)!
  const direction = values.smallerIsBetter ? 'minimize' : 'maximize'
  const [box, size] = useSize<HTMLDivElement>()
  const plot = useRef<HTMLElement>(null)

  const choices = useMemo(() => choicesOf(runs).filter((name) => levelsOf(find(runs, name)!).length > 1), [runs])
  const names = inOrder([...choices, value], props.axes)
  const made = useMemo(
    () =>
      new Map(
        [...choices, value].map((name) => [name, axisOf(find(runs, name)!, props.otherScales.includes(name))] as const),
      ),
    [runs, choices, value, props.otherScales.join('\0')],
  )
  const axes = useMemo(() => names.map((name) => made.get(name)!), [made, names.join('\0')])
  const tones = useMemo(
    () =>
      Int16Array.from(made.get(value)!.places, (place) => {
        const badness = direction === 'minimize' ? place : 1 - place
        return Number.isNaN(place) ? -1 : Math.round(badness * 255)
      }),
    [made, value, direction],
  )
  const conditions = draft ? withBrush(where, made.get(draft.axis)!, draft.brush) : where
  const there = useMemo(() => maskOf(runs, [], showHidden), [runs, showHidden])
  const chosen = useMemo(() => maskOf(runs, conditions, showHidden), [runs, conditions, showHidden])

  const [all, some] = [countOf(there), countOf(chosen)]
  const marked = axes.flatMap((axis) => brushOf(axis, where) ?? []).length > 0
  const text = `${some === all ? allOf(all) : `${number(some)} of ${plural(all, 'run')}`}. ${valuesText(values, called, chosen, direction)}`

  /** Does something with an axis, whose name then has the focus. */
  const act = (axis: Axis, what: () => void): void => {
    what()
    requestAnimationFrame(() =>
      plot.current?.querySelector<HTMLElement>(`[data-axis="${CSS.escape(axis.name)}"] .axis-name button`)?.focus(),
    )
  }
  const brush = (axis: Axis, to: Brush | null): void => {
    setDraft(null)
    const next = withBrush(where, axis, to)
    onWhere(next)
    const left = countOf(maskOf(runs, next, showHidden))
    announce(`${number(left)} of ${plural(all, 'run')} marked`)
  }
  const move = (axis: Axis, by: number): void => {
    const order = moved(names, axis.name, by)
    props.onAxes(order)
    announce(`${axis.name === value ? called : axis.name} is axis ${order.indexOf(axis.name) + 1} of ${order.length}`)
  }
  return (
    <section class="parallel" aria-label="Parallel coordinates" ref={plot}>
      <div class="parallel-head">
        <p>{text}</p>
        {choices.length === 0 && <p class="hint">No choice differs among these runs, so no line leads anywhere.</p>}
        {marked && (
          <button
            type="button"
            class="button small"
            onClick={() =>
              onWhere(axes.reduce<readonly Condition[]>((rest, axis) => withBrush(rest, axis, null), where))
            }
          >
            Take all marks away
          </button>
        )}
        {some < all && some > 0 && some <= MOST_SELECTED && (
          <button
            type="button"
            class="button small"
            onClick={() => props.onSelect(runs.ids.filter((_, place) => chosen[place]))}
          >
            Select {plural(some, 'run')}
          </button>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div class="parallel-scroll" tabIndex={0} role="region" aria-label="Axes">
        <div class="parallel-plot" ref={box} style={{ minWidth: `${leastWidth(axes.length)}px` }}>
          {size.width > 0 && (
            <>
              <Lines
                axes={axes}
                tones={tones}
                there={there}
                chosen={chosen}
                size={size}
                name={`Lines of runs. ${text}`}
              />
              {axes.map((axis, i) => (
                <AxisView
                  key={axis.name}
                  axis={axis}
                  called={axis.name === value ? called : axis.name}
                  x={xOf(i, axes.length, size)}
                  size={size}
                  brush={brushOf(axis, conditions)}
                  hint={
                    axis.name === value
                      ? direction === 'minimize'
                        ? 'lower is better'
                        : 'higher is better'
                      : undefined
                  }
                  onDraw={(to) => setDraft(to && { axis: axis.name, brush: to })}
                  onBrush={(to) => brush(axis, to)}
                  onMove={(by) => act(axis, () => move(axis, by))}
                  onOtherScale={() => act(axis, () => props.onOtherScales(switched(props.otherScales, axis.name)))}
                />
              ))}
            </>
          )}
        </div>
      </div>
      <div class="parallel-foot">
        <Key axis={made.get(value)!} values={values} called={called} direction={direction} />
        <p class="hint">
          Drag along an axis to mark a part of it, press an option to mark it, or move the ends of an axis with the
          arrow keys. Drag a name, or press Shift with ← or →, to move an axis.
        </p>
      </div>
      <Parts axes={axes.filter(({ name }) => name !== value)} values={values} called={called} chosen={chosen} />
    </section>
  )
}

function maskOf(runs: Runs, conditions: readonly Condition[], showHidden: boolean): Uint8Array {
  const mask = new Uint8Array(runs.ids.length)
  for (const place of meeting(runs, conditions, showHidden)) mask[place] = 1
  return mask
}

const countOf = (mask: Uint8Array): number => mask.reduce((sum, one) => sum + one, 0)

const switched = (names: readonly string[], name: string): readonly string[] =>
  names.includes(name) ? names.filter((one) => one !== name) : [...names, name]

interface KeyProps {
  axis: Axis
  values: Column
  called: string
  direction: Direction
}

/** What the colours of the lines mean. */
function Key({ axis, values, called, direction }: KeyProps): JSX.Element | null {
  const sorted = Float64Array.from(
    values.values.filter((_, i) => !Number.isNaN(axis.places[i])),
    Number,
  ).sort()
  if (sorted.length === 0) return null
  const [low, high] = [sorted[0]!, sorted.at(-1)!]
  const [best, worst] = direction === 'minimize' ? [low, high] : [high, low]
  return (
    <p class="ramp-key">
      <span>{called}</span>
      <span>best {figure(best)}</span>
      <i style={{ background: rampCss(theme.value) }} aria-hidden="true" />
      <span>worst {figure(worst)}</span>
      {axis.scale!.log && <span class="hint">log</span>}
    </p>
  )
}
