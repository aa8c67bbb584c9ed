// What the frames on the map are coloured by, and what their colours mean.

import { computed, effect } from '@preact/signals'
import { COLOURS, rgbOf } from '../colour/palette'
import { rampOf } from '../colour/ramp'
import { changedIds } from '../map/changed'
import type { Colouring } from '../server/types'
import { percent } from '../text/format'
import { drawnLabels } from './answering'
import { columnNames, columns, loadColumn, loadColumnNames } from './columns'
import { predictions } from './model'
import { checking } from './spot-check'
import { theme } from './theme'
import { colouring, setColouring } from './view'

/** One colour of the legend: `mark` is that of the palette, -1 for what has no colour of its own. */
export interface Entry {
  name: string
  mark: number
  count: number
}

export interface Coloured {
  /** by id: the colour's bytes [N, 3], and its number in the palette, -1 for no frame */
  rgb: Uint8Array
  marks: Int16Array
  /** what the colours mean, or the ends of the scale */
  entries: Entry[] | null
  scale: [low: string, high: string] | null
  /** photos without a frame, because nothing is known of them */
  without: number
}

/** So many values of a column have colours of their own; all others share one. */
export const MOST_VALUES = 10
/** Drawn for the other values: grey, and dashed, so that it is not taken for one of the ten. */
export const OTHERS = COLOURS.dark.length
const GREY = { dark: [148, 155, 164], light: [104, 112, 120] } as const

/** Colours by predictions wait for the end of a spot check, whose answers they must not tell. */
const colouredBy = computed<Colouring>(() => {
  const wanted = colouring.value
  const needsModel = wanted.by === 'prediction' || wanted.by === 'sureness'
  if (needsModel && (checking.value || !predictions.value)) return { by: 'label' }
  if (wanted.by === 'column' && !columns.value.has(wanted.column)) return { by: 'label' }
  return wanted
})

export const coloured = computed<Coloured>(() => {
  const by = colouredBy.value
  if (by.by === 'column') {
    const column = columns.value.get(by.column)!
    return column.kind === 'numbers' ? ofNumbers(column.values, range(column.values), sixDigits) : ofValues(column)
  }
  if (by.by === 'sureness') {
    const { codes, probability } = predictions.value!
    const known = probability.map((p, id) => (codes[id]! >= 0 ? p : NaN))
    return ofNumbers(known, [0, 1], percent)
  }
  const { codes, names } = drawnLabels.value
  const colourOf = new Map(names.map((l) => [l.name, l.colour]))
  if (by.by === 'label')
    return ofCodes(
      codes,
      names.map((l) => ({ name: l.name, mark: l.colour })),
    )
  const said = predictions.value!
  return ofCodes(
    said.codes,
    said.names.map((name) => ({ name, mark: colourOf.get(name) ?? -1 })),
  )
})

/** What the map is really coloured by: labels, while what was chosen cannot be shown. */
export const shownColouring = colouredBy

interface Kind {
  name: string
  mark: number
}

const isSame = (a: readonly Kind[], b: readonly Kind[]): boolean =>
  a.length === b.length && a.every((kind, code) => kind.name === b[code]!.name && kind.mark === b[code]!.mark)

/** The latest colours by codes: after a change of labels, only what changed is coloured again, in the same arrays. */
let latest: { codes: Codes; kinds: Kind[]; theme: string; made: Coloured } | null = null
type Codes = Int16Array | Int32Array

function ofCodes(codes: Codes, kinds: Kind[]): Coloured {
  const on = theme.value
  const alike = latest?.theme === on && latest.kinds.every(({ mark }, code) => kinds[code]?.mark === mark)
  const before = alike ? latest : null
  const changed = before && changedIds(before.codes, codes)
  if (before && changed?.length === 0 && isSame(before.kinds, kinds)) {
    latest = { ...before, codes }
    return before.made
  }
  const { rgb, marks, without } =
    before && changed
      ? before.made
      : { rgb: new Uint8Array(3 * codes.length), marks: new Int16Array(codes.length).fill(-1), without: codes.length }
  const counts = kinds.map((_, code) => (changed && before?.made.entries?.[code]?.count) || 0)
  const bytes = kinds.map(({ mark }) => (mark < 0 ? GREY[on] : rgbOf(mark, on)))
  let known = codes.length - without
  const colour = (id: number, was: number): void => {
    const code = codes[id]!
    if (was >= 0) counts[was]!--
    else if (code >= 0) known++
    if (code >= 0) counts[code]!++
    else if (was >= 0) known--
    const its = bytes[code]
    marks[id] = its ? (kinds[code]!.mark < 0 ? OTHERS : kinds[code]!.mark) : -1
    for (let part = 0; part < 3; part++) rgb[3 * id + part] = its ? its[part]! : 0
  }
  if (before && changed) for (const id of changed) colour(id, before.codes[id]!)
  else for (let id = 0; id < codes.length; id++) if (codes[id]! >= 0) colour(id, -1)
  const entries = kinds.map((kind, code) => ({ ...kind, count: counts[code]! }))
  const made = { rgb, marks, entries, scale: null, without: codes.length - known }
  latest = { codes, kinds, theme: on, made }
  return made
}

/** The most frequent values have colours of their own. */
function ofValues({ values, codes }: { values: string[]; codes: Int32Array }): Coloured {
  const kinds = values.slice(0, MOST_VALUES).map((name, mark) => ({ name, mark }))
  const rest = values.length - kinds.length
  if (rest === 0) return ofCodes(codes, kinds)
  const others = { name: rest === 1 ? '1 other value' : `${rest} other values`, mark: -1 }
  return ofCodes(
    codes.map((code) => Math.min(code, MOST_VALUES)),
    [...kinds, others],
  )
}

/** Columns of numbers come with about seven digits. */
const sixDigits = (value: number): string => String(Number(value.toPrecision(6)))

function range(values: Float32Array): [number, number] {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return low <= high ? [low, high] : [0, 0]
}

function ofNumbers(values: Float32Array, [low, high]: [number, number], text: (value: number) => string): Coloured {
  const marks = new Int16Array(values.length).fill(-1)
  const rgb = new Uint8Array(values.length * 3)
  const steps = Array.from({ length: 256 }, (_, i) => rampOf(i / 255, theme.value))
  let without = 0
  for (const [id, value] of values.entries()) {
    if (Number.isNaN(value)) {
      without++
      continue
    }
    marks[id] = 0
    rgb.set(steps[high > low ? Math.round((255 * (value - low)) / (high - low)) : 255]!, id * 3)
  }
  return { rgb, marks, entries: null, scale: [text(low), text(high)], without }
}

/** The choices, as a list of the page: a column is named by its position. */
export const choices = computed<{ name: string; to: Colouring; needs: string | null }[]>(() => {
  const needs = predictions.value ? null : 'train first'
  return [
    { name: 'Label', to: { by: 'label' }, needs: null },
    { name: 'Prediction', to: { by: 'prediction' }, needs },
    { name: 'Sureness', to: { by: 'sureness' }, needs },
    ...(columnNames.value ?? []).map((column) => ({
      name: column,
      to: { by: 'column' as const, column },
      needs: null,
    })),
  ]
})

export const colourBy = (to: Colouring): void => setColouring(to)

// A column that the map is coloured by is fetched when it is chosen, and when the collection is opened with it.
effect(() => {
  const wanted = colouring.value
  if (wanted.by !== 'column') return
  if (columnNames.value === null) void loadColumnNames()
  else if (columnNames.value.includes(wanted.column)) void loadColumn(wanted.column)
  else setColouring({ by: 'label' })
})
