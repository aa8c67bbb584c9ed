// What the frames on the map are coloured by, and what the colours mean.

import type { JSX } from 'preact'
import { rampCss } from '../colour/ramp'
import { choices, colourBy, coloured, type Entry, OTHERS, shownColouring } from '../state/colours'
import { loadColumnNames } from '../state/columns'
import { isNarrow } from '../state/screen'
import { theme } from '../state/theme'
import { colouring } from '../state/view'
import { number, photos as photosText } from '../text/format'
import { Swatch } from './LabelPanel'

/** The choice alone: beside the legend, or on the sheet of a narrow screen. */
export function ColourBy(): JSX.Element {
  const same = JSON.stringify(colouring.value)
  return (
    <label class="colour-by">
      Colour by
      <select
        class="small"
        aria-label="Colour by"
        value={same}
        onFocus={() => void loadColumnNames()}
        onChange={(event) => colourBy(JSON.parse(event.currentTarget.value))}
      >
        {choices.value.map(({ name, to, needs }) => (
          <option key={JSON.stringify(to)} value={JSON.stringify(to)} disabled={needs !== null}>
            {name}
            {needs === null ? '' : ` (${needs})`}
          </option>
        ))}
      </select>
    </label>
  )
}

export function Legend(): JSX.Element | null {
  if (isNarrow.value && shownColouring.value.by === 'label') return null
  return (
    <div
      class="map-legend"
      data-over-map={isNarrow.value ? undefined : true}
      role="group"
      aria-label="Colours of the frames"
    >
      {!isNarrow.value && <ColourBy />}
      <Meaning />
    </div>
  )
}

/** What the colours mean; the panel with the labels shows theirs already. */
export function Meaning(): JSX.Element | null {
  if (shownColouring.value.by === 'label') return null
  const { entries, scale, without } = coloured.value
  const used = entries?.filter((entry) => entry.count > 0)
  return (
    <div class="map-meaning">
      {scale && (
        <div class="map-scale">
          <span>{scale[0]}</span>
          <i style={{ background: rampCss(theme.value) }} aria-hidden="true" />
          <span>{scale[1]}</span>
        </div>
      )}
      {used && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must take the focus
        <ul tabIndex={0} aria-label="Colours">
          {used.map((entry) => (
            <Line key={entry.name} entry={entry} />
          ))}
        </ul>
      )}
      {without > 0 && <p>{photosText(without)} without: no frame</p>}
    </div>
  )
}

function Line({ entry }: { entry: Entry }): JSX.Element {
  return (
    <li>
      {entry.mark < 0 ? (
        <span class="swatch others" data-mark={OTHERS} aria-hidden="true" />
      ) : (
        <Swatch colour={entry.mark} text="" />
      )}
      <span class="name" title={entry.name}>
        {entry.name}
      </span>
      <small>{number(entry.count)}</small>
    </li>
  )
}
