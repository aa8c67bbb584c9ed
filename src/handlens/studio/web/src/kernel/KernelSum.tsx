// What happens at the window: its surroundings up close, nine numbers times nine numbers, and the sum.

import type { CSSProperties, JSX } from 'preact'
import { useId, useMemo } from 'preact/hooks'
import { IconButton } from '../components/Button'
import { SIDE } from './convolve'
import { Pixels } from './Pixels'
import { around, type Channels, inkOn, shadeOf } from './picture'
import { parseNumber } from './presets'
import {
  channels,
  middle,
  nine,
  numbers,
  padding,
  place,
  products,
  range,
  seen,
  setNumber,
  step,
  sum,
  written,
} from './state'

const SHOWN: Record<Channels, string> = {
  all: 'R + G + B',
  grey: 'mean',
  red: 'red',
  green: 'green',
  blue: 'blue',
}

/** Pixels across the close view: the window and three on each side. */
const CLOSE = 9

export function AtWindow(): JSX.Element {
  const wrong = numbers.value.findIndex((text) => parseNumber(text) === null)
  return (
    <section class="at-window" aria-label="At the window">
      <Close />
      <div class="equation">
        <div>
          <h3>Pixels: {SHOWN[channels.value]}</h3>
          <Nine name="Pixels" of={nine.value} style={pixelStyle} />
        </div>
        <span class="sign" aria-hidden="true">
          ×
        </span>
        <Kernel />
        <span class="sign" aria-hidden="true">
          =
        </span>
        <div class="equals">
          <h3>Products</h3>
          <Nine name="Products" of={products.value} style={productStyle()} />
        </div>
        <span class="sign" aria-hidden="true">
          →
        </span>
        <Sum />
      </div>
      <p class="hint" role={wrong >= 0 ? 'alert' : undefined}>
        {wrong >= 0 ? (
          <span class="error">
            Row {Math.floor(wrong / SIDE) + 1}, column {(wrong % SIDE) + 1} of the kernel takes a number from −1000 to
            1000, or a fraction such as −1/9; until then its last number counts.
          </span>
        ) : (
          'Each output is the sum of nine products: the nine pixels under the window, each times the number of the kernel at the same place.'
        )}
      </p>
    </section>
  )
}

function Close(): JSX.Element {
  const from = seen.value!
  const { x, y } = middle.value
  const rgba = useMemo(() => around(from, { x, y }, CLOSE, padding.value), [from, x, y, padding.value])
  return (
    <div class="close">
      <h3>
        Column {x + 1}, row {y + 1}
      </h3>
      <div class="close-view">
        <Pixels width={CLOSE} height={CLOSE} rgba={rgba} name="The window and the pixels around it" />
        <i class="mark" aria-hidden="true" />
      </div>
      <div class="nudge" role="group" aria-label="Move the window">
        <IconButton icon="up" name="Up" class="small up" onClick={() => step(0, -1)} />
        <IconButton icon="left" name="Left" class="small left" onClick={() => step(-1, 0)} />
        <IconButton icon="right" name="Right" class="small right" onClick={() => step(1, 0)} />
        <IconButton icon="down" name="Down" class="small down" onClick={() => step(0, 1)} />
      </div>
    </div>
  )
}

type CellStyle = (value: number) => CSSProperties

/** The cell has the shade of its pixel. */
const pixelStyle: CellStyle = (value) => {
  const shade = Math.round(value / (channels.value === 'all' ? 3 : 1))
  return { background: `rgb(${shade} ${shade} ${shade})`, color: inkOn(shade) }
}

/** The further from zero, the more colour: one for what adds, one for what takes away. */
const productStyle = (): CellStyle => {
  const most = Math.max(...products.value.map(Math.abs), 1e-9)
  return (value) => ({
    background: `color-mix(in srgb, var(${value < 0 ? '--bad' : '--accent'}) ${Math.round((Math.abs(value) / most) * 22)}%, var(--raised))`,
  })
}

function Nine({ name, of, style }: { name: string; of: readonly number[]; style: CellStyle }): JSX.Element {
  return (
    <table class="nine" aria-label={name}>
      <tbody>
        {[0, 1, 2].map((row) => (
          <tr key={row}>
            {of.slice(row * SIDE, (row + 1) * SIDE).map((value, column) => (
              <td key={column} style={style(value)}>
                {written(value)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Kernel(): JSX.Element {
  const title = useId()
  return (
    <div class="times" role="group" aria-labelledby={title}>
      <h3 id={title}>Kernel</h3>
      <div class="nine">
        {numbers.value.map((text, i) => (
          <input
            key={i}
            type="text"
            inputMode="text"
            autocomplete="off"
            spellcheck={false}
            maxLength={12}
            value={text}
            aria-label={`Row ${Math.floor(i / SIDE) + 1}, column ${(i % SIDE) + 1}`}
            aria-invalid={parseNumber(text) === null}
            onFocus={(event) => event.currentTarget.select()}
            onInput={(event) => setNumber(i, event.currentTarget.value)}
          />
        ))}
      </div>
    </div>
  )
}

function Sum(): JSX.Element {
  const shade = shadeOf(sum.value, range.value!)
  const { x, y } = place.value
  return (
    <div class="sum" role="group" aria-label="Sum">
      <h3>Sum</h3>
      <b>{written(sum.value)}</b>
      <p>
        <i style={{ background: `rgb(${shade} ${shade} ${shade})` }} aria-hidden="true" />
        Output column {x + 1}, row {y + 1}
      </p>
    </div>
  )
}
