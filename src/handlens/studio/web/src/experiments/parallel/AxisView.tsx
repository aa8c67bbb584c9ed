// One axis: its name with a menu, its numbers or options, and its brush, by mouse and by keyboard.

import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { Menu, type MenuItem } from '../../components/Menu'
import { figure, placeOf, ticksOf, valueAt } from '../scale'
import type { Size } from '../size'
import { shown } from '../state/filter'
import { type Json, keyOf } from '../state/table'
import { type Axis, placeOfOption } from './axes'
import { type Brush, brushBetween, isAt, toggled } from './brushes'
import { LEAST_APART, placeAt, yOf } from './layout'

interface AxisViewProps {
  axis: Axis
  /** the name that is shown */
  called: string
  x: number
  size: Size
  brush: Brush | null
  /** said under the name */
  hint?: string | undefined
  /** while the mouse moves; null: the brush is as it was */
  onDraw: (brush: Brush | null) => void
  onBrush: (brush: Brush | null) => void
  onMove: (by: number) => void
  onOtherScale: () => void
}

/** Text of options closer together than this would overlap. */
const LINE = 24

export function AxisView(props: AxisViewProps): JSX.Element {
  const { axis, called, x, size, brush, hint, onBrush } = props
  const { scale, options } = axis
  const range = brush && !('options' in brush) ? brush : null
  const every = Math.ceil((LINE * options.length) / Math.max(1, yOf(0, size) - yOf(1, size)))
  return (
    <div class="axis" role="group" aria-label={called} data-axis={axis.name} style={{ left: `${x}px` }}>
      <Name {...props} />
      {hint && <small class="axis-hint">{hint}</small>}
      <Grab {...props} />
      {scale
        ? ticksOf(scale, Math.max(2, Math.floor((yOf(0, size) - yOf(1, size)) / 44))).map((tick) => (
            <span key={tick} class="tick" aria-hidden="true" style={{ top: `${yOf(placeOf(scale, tick), size)}px` }}>
              {figure(tick)}
            </span>
          ))
        : options.map(
            (option, i) =>
              i % every === 0 && (
                <Option
                  key={keyOf(option)}
                  option={option}
                  y={yOf(placeOfOption(i, options.length), size)}
                  on={isAt(brush, option)}
                  onToggle={() => onBrush(toggled(brush, option))}
                />
              ),
          )}
      {axis.anyMissing && (
        <span class="tick missing" aria-hidden="true" style={{ top: `${yOf(Number.NaN, size)}px` }}>
          none
        </span>
      )}
      {range && (
        <i
          class="brush"
          style={{ top: `${yOf(range.high, size)}px`, height: `${yOf(range.low, size) - yOf(range.high, size)}px` }}
        />
      )}
      {scale && <Handle {...props} end="low" range={range ?? WHOLE} />}
      {scale && <Handle {...props} end="high" range={range ?? WHOLE} />}
    </div>
  )
}

const WHOLE = { low: 0, high: 1 }

/** The name: drag it to move the axis, press it for the menu. */
function Name({ axis, called, brush, onMove, onBrush, onOtherScale }: AxisViewProps): JSX.Element {
  const box = useRef<HTMLSpanElement>(null)
  const from = useRef<number | null>(null)
  const items: MenuItem[] = [
    { name: 'Move left', run: () => onMove(-1) },
    { name: 'Move right', run: () => onMove(1) },
    ...(axis.scale ? [{ name: axis.scale.log ? 'Even scale' : 'Log scale', run: onOtherScale }] : []),
    ...(brush ? [{ name: 'Take the mark away', run: () => onBrush(null) }] : []),
  ]
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button inside does the same
    <span
      ref={box}
      class="axis-name"
      data-tip={`${called}: drag to move`}
      onKeyDown={(event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
        if (!by || !event.shiftKey) return
        event.preventDefault()
        onMove(by)
      }}
      onPointerDown={(event) => {
        if (event.button === 0) from.current = event.clientX
      }}
      onPointerMove={(event) => {
        if (from.current === null) return
        const by = event.clientX - from.current
        if (!box.current!.hasPointerCapture(event.pointerId)) {
          if (Math.abs(by) < 6) return
          box.current!.setPointerCapture(event.pointerId)
        }
        box.current!.style.translate = `${by}px 0`
      }}
      onPointerUp={(event) => {
        const by = from.current === null ? 0 : event.clientX - from.current
        from.current = null
        box.current!.style.translate = ''
        if (box.current!.hasPointerCapture(event.pointerId)) onMove(Math.round(by / LEAST_APART) || Math.sign(by))
      }}
      onPointerCancel={() => {
        from.current = null
        box.current!.style.translate = ''
      }}
    >
      <Menu name={`Axis ${called}`} items={items}>
        {called}
      </Menu>
    </span>
  )
}

/** The line of the axis: dragging over it makes a brush, or moves it; a click takes it away, or takes an option. */
function Grab({ axis, size, brush, onDraw, onBrush }: AxisViewProps): JSX.Element {
  const from = useRef<{ place: number; moves: { low: number; high: number } | null; drawn: Brush | null } | null>(null)
  const placeUnder = (event: PointerEvent): number => {
    const box = (event.currentTarget as HTMLElement).parentElement!.getBoundingClientRect()
    return placeAt(event.clientY - box.top, size)
  }
  return (
    <div
      class="grab"
      style={{ top: `${yOf(1, size)}px`, height: `${yOf(0, size) - yOf(1, size)}px` }}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.preventDefault()
        event.currentTarget.setPointerCapture(event.pointerId)
        const place = placeUnder(event)
        const within = brush && !('options' in brush) && place >= brush.low && place <= brush.high
        from.current = { place, moves: within ? brush : null, drawn: null }
      }}
      onPointerMove={(event) => {
        const start = from.current
        if (!start) return
        const place = placeUnder(event)
        if (!start.drawn && Math.abs(place - start.place) * size.height < 4) return
        if (start.moves) {
          const by = Math.max(-start.moves.low, Math.min(1 - start.moves.high, place - start.place))
          start.drawn = { low: start.moves.low + by, high: start.moves.high + by }
        } else start.drawn = brushBetween(axis, start.place, place)
        onDraw(start.drawn)
      }}
      onPointerUp={() => {
        const start = from.current
        from.current = null
        if (!start) return
        if (start.drawn) onBrush(start.drawn)
        else if (axis.scale) onBrush(null)
        else onBrush(toggled(brush, nearest(axis, start.place)))
      }}
      onPointerCancel={() => {
        from.current = null
        onDraw(null)
      }}
    />
  )
}

const nearest = ({ options }: Axis, place: number): Json =>
  options[Math.max(0, Math.min(options.length - 1, Math.round(place * (options.length - 1))))]!

interface HandleProps extends AxisViewProps {
  end: 'low' | 'high'
  range: { low: number; high: number }
}

const STEPS: Record<string, number> = {
  ArrowUp: 0.01,
  ArrowRight: 0.01,
  ArrowDown: -0.01,
  ArrowLeft: -0.01,
  PageUp: 0.1,
  PageDown: -0.1,
  Home: -1,
  End: 1,
}

/** One end of the brush. */
function Handle({ axis, called, size, end, range, onDraw, onBrush }: HandleProps): JSX.Element {
  const drawn = useRef<Brush | null>(null)
  const [least, most] = end === 'low' ? [0, range.high] : [range.low, 1]
  const to = (place: number): Brush => ({ ...range, [end]: Math.max(least, Math.min(most, place)) })
  const place = range[end]
  const { low, high } = axis.scale!
  return (
    <div
      class={`handle ${end}`}
      role="slider"
      tabIndex={0}
      aria-label={`${called}, ${end === 'low' ? 'at least' : 'at most'}`}
      aria-orientation="vertical"
      aria-valuemin={low}
      aria-valuemax={high}
      aria-valuenow={valueAt(axis.scale!, place)}
      aria-valuetext={figure(valueAt(axis.scale!, place))}
      style={{ top: `${yOf(place, size)}px` }}
      onKeyDown={(event) => {
        const step = STEPS[event.key]
        if (event.key === 'Delete') onBrush(null)
        else if (step !== undefined && !event.shiftKey) onBrush(to(place + step))
        else return
        event.preventDefault()
      }}
      onPointerDown={(event) => {
        if (event.button === 0) event.currentTarget.setPointerCapture(event.pointerId)
      }}
      onPointerMove={(event) => {
        if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
        const box = event.currentTarget.parentElement!.getBoundingClientRect()
        drawn.current = to(placeAt(event.clientY - box.top, size))
        onDraw(drawn.current)
      }}
      onPointerUp={() => {
        if (drawn.current) onBrush(drawn.current)
        drawn.current = null
      }}
      onPointerCancel={() => {
        drawn.current = null
        onDraw(null)
      }}
    >
      <i />
    </div>
  )
}

interface OptionProps {
  option: Json
  y: number
  on: boolean
  onToggle: () => void
}

function Option({ option, y, on, onToggle }: OptionProps): JSX.Element {
  return (
    <button type="button" class="axis-option" aria-pressed={on} style={{ top: `${y}px` }} onClick={onToggle}>
      {shown(option)}
    </button>
  )
}
