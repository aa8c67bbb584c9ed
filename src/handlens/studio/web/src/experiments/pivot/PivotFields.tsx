// What makes the pivot: names that are dragged to rows, columns or number, or put there with menus.

import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useId } from 'preact/hooks'
import { Icon } from '../../components/icons'
import { Menu, type MenuItem } from '../../components/Menu'
import { announce } from '../../state/messages'
import { AGGREGATES, type Aggregate } from '../state/address'
import { LOSSES } from '../state/curves'
import { calledAs, isTheValue, pivotValue } from '../state/looked-at'
import { go, place } from '../state/place'
import { graphed, runs } from '../state/study'
import { choicesOf, find, numbersOf } from '../state/table'
import { FACTS, moved, type Side } from './axes'
import { axes, setAxes } from './state'

const SIDES: readonly [Side, string][] = [
  ['rows', 'Rows'],
  ['columns', 'Columns'],
]
/** The kind of what is dragged, so that files and text from elsewhere are not taken. */
const KIND = 'application/x-handlens-name'

/** Numbers of each run that can be summed up. */
const numbers = (): string[] => {
  const facts = ['value', 'bumpiness', 'seconds', 'epochs'].filter((name) => find(runs.value, name)?.numeric)
  return [...facts, ...numbersOf(runs.value).filter((name) => !isTheValue({ name, role: 'number' }))]
}

const sideable = (): string[] => [...choicesOf(runs.value), ...FACTS.filter((name) => find(runs.value, name))]

function put(name: string, side: Side | null, at?: number): void {
  setAxes(moved(axes.value, name, side, at))
  announce(side === null ? `${name} is taken out` : `${name} is in the ${side}`)
}

export function PivotFields(): JSX.Element {
  const { rows, columns } = axes.value
  const unused = choicesOf(runs.value).filter((name) => ![...rows, ...columns].includes(name))
  return (
    <section class="pivot-fields" aria-label="What the pivot shows">
      <div class="pivot-unused">
        <span class="field-name" id="pivot-unused">
          Drag
        </span>
        <ul aria-labelledby="pivot-unused">
          {unused.map((name) => (
            <li key={name}>
              <Draggable name={name} />
            </li>
          ))}
          {numbers().map((name) => (
            <li key={name}>
              <Draggable name={name} number />
            </li>
          ))}
        </ul>
      </div>
      {SIDES.map(([side, title]) => (
        <Zone key={side} side={side} title={title} />
      ))}
      <NumberZone />
      <Choice name="Shows" value={place.value.aggregate} onChange={(to) => go({ aggregate: to as Aggregate })}>
        {AGGREGATES.map((one) => (
          <option key={one} value={one}>
            {AGGREGATE_NAMES[one]}
          </option>
        ))}
      </Choice>
      <Graphs />
    </section>
  )
}

export const AGGREGATE_NAMES: Record<Aggregate, string> = {
  mean: 'mean',
  median: 'median',
  best: 'best',
  sd: 'standard deviation',
  count: 'number of runs',
}

function Draggable({ name, number }: { name: string; number?: boolean }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dragging is beside the menus, which have keys
    <span
      class={`pivot-name ${number ? 'number' : ''}`}
      title={number ? calledAs(name) : name}
      draggable
      onDragStart={(event) => {
        event.dataTransfer!.setData(KIND, name)
        event.dataTransfer!.effectAllowed = 'move'
      }}
    >
      {number ? calledAs(name) : name}
    </span>
  )
}

interface DropProps {
  class: string
  name: string
  /** a name was dropped here, over one of the children */
  onDropped: (name: string, at: number) => void
  children: ComponentChildren
}

function Drop({ class: more, name, onDropped, children }: DropProps): JSX.Element {
  const over = useSignal(false)
  return (
    <div
      class={`${more} ${over.value ? 'over' : ''}`}
      role="group"
      aria-label={name}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes(KIND)) return
        event.preventDefault()
        over.value = true
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) over.value = false
      }}
      onDrop={(event) => {
        over.value = false
        const dropped = event.dataTransfer?.getData(KIND)
        if (!dropped) return
        event.preventDefault()
        const chips = [...event.currentTarget.querySelectorAll('.pivot-chip')]
        const middles = chips.map((chip) => chip.getBoundingClientRect()).map(({ left, width }) => left + width / 2)
        onDropped(dropped, middles.filter((middle) => middle < event.clientX).length)
      }}
    >
      {children}
    </div>
  )
}

function Zone({ side, title }: { side: Side; title: string }): JSX.Element {
  const names = axes.value[side]
  const free = sideable().filter((name) => !names.includes(name))
  return (
    <Drop
      class="pivot-zone"
      name={title}
      onDropped={(name, at) => {
        if (sideable().includes(name)) put(name, side, at)
      }}
    >
      <span class="field-name">{title}</span>
      {names.map((name, at) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: dragging is beside the menu, which has keys
        <span
          key={name}
          class="pivot-chip"
          draggable
          onDragStart={(event) => {
            event.dataTransfer!.setData(KIND, name)
            event.dataTransfer!.effectAllowed = 'move'
          }}
        >
          <Menu name={name} items={movesOf(name, side, at, names.length)}>
            <span class="pivot-called">{name}</span> <Icon name="down" size={12} />
          </Menu>
        </span>
      ))}
      <Menu
        name={`Add to ${title.toLowerCase()}`}
        label
        items={free.map((name) => ({ name, run: () => put(name, side) }))}
      >
        <Icon name="plus" size={16} />
      </Menu>
    </Drop>
  )
}

function movesOf(name: string, side: Side, at: number, of: number): MenuItem[] {
  const other = side === 'rows' ? 'columns' : 'rows'
  return [
    { name: `To ${other}`, run: () => put(name, other) },
    ...(at > 0 ? [{ name: 'Earlier', run: () => put(name, side, at - 1) }] : []),
    // Its own place counts too.
    ...(at < of - 1 ? [{ name: 'Later', run: () => put(name, side, at + 2) }] : []),
    { name: 'Remove', run: () => put(name, null) },
  ]
}

function NumberZone(): JSX.Element {
  const known = numbers()
  const choose = (name: string): void => go({ value: name === 'value' ? null : name })
  return (
    <Drop
      class="pivot-zone"
      name="Number"
      onDropped={(name) => {
        if (known.includes(name)) choose(name)
      }}
    >
      <Choice name="Number" value={pivotValue.value} onChange={choose}>
        {[...new Set([...known, pivotValue.value])].map((name) => (
          <option key={name} value={name}>
            {calledAs(name)}
          </option>
        ))}
      </Choice>
    </Drop>
  )
}

/** Which numbers the small graphs show. */
function Graphs(): JSX.Element {
  const losses = LOSSES.filter((name) => find(runs.value, name)?.numeric)
  const now = graphed.value.join('\n')
  const ways = [...(losses.length === 2 ? [losses.join('\n')] : []), ...numbersOf(runs.value)]
  return (
    <Choice name="Graphs" value={now} onChange={(to) => go({ graph: to === losses.join('\n') ? [] : to.split('\n') })}>
      {[...new Set([...ways, now])].filter(Boolean).map((way) => (
        <option key={way} value={way}>
          {way.replace('\n', ' and ')}
        </option>
      ))}
    </Choice>
  )
}

interface ChoiceProps {
  name: string
  value: string
  onChange: (value: string) => void
  children: ComponentChildren
}

function Choice({ name, value, onChange, children }: ChoiceProps): JSX.Element {
  const id = useId()
  return (
    <div class="pivot-choice">
      <label class="field-name" for={id}>
        {name}
      </label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {children}
      </select>
    </div>
  )
}
