// How the photos on the map look: spread out or in their places, how large, and how sure is sure enough to be faded.

import type { JSX } from 'preact'
import { predictions } from '../state/model'
import { isSpread, opacity, photoSize, setOpacity, setPhotoSize } from '../state/view'
import { percent } from '../text/format'
import { CommandButton } from './Button'
import { Icon } from './icons'

export function MapLooks(): JSX.Element {
  const { on, threshold } = opacity.value
  return (
    <div class="map-looks" data-over-map role="group" aria-label="How photos look">
      <CommandButton command="spread" icon="spread" on={isSpread.value} />
      <label class="slider" data-tip="How large the photos are">
        <span class="visually-hidden">Size of the photos</span>
        <i class="large" aria-hidden="true" />
        <input
          type="range"
          min={-STEPS}
          max={STEPS}
          step="1"
          value={stepOf(photoSize.value)}
          aria-valuetext={percent(photoSize.value)}
          onInput={(event) => setPhotoSize(sizeOf(Number(event.currentTarget.value)))}
        />
        <i class="small" aria-hidden="true" />
      </label>
      {on && predictions.value && (
        <label class="slider" data-tip={`Photos predicted with at least ${percent(threshold)} are faded`}>
          <span aria-hidden="true">{percent(threshold)}</span>
          <input
            type="range"
            min="0.5"
            max="0.99"
            step="0.01"
            value={threshold}
            aria-label="How sure"
            aria-valuetext={percent(threshold)}
            onInput={(event) => setOpacity({ on: true, threshold: Number(event.currentTarget.value) })}
          />
          <Icon name="fade" />
        </label>
      )}
    </div>
  )
}

/** Steps of the slider to either side of the usual size; so many double it. */
const STEPS = 8
const DOUBLES = 4

export const sizeOf = (step: number): number => 2 ** (step / DOUBLES)
export const stepOf = (size: number): number => Math.round(DOUBLES * Math.log2(size))
