// The review grid at the bottom: a group of photos side by side, so that the odd one catches the eye.
// A click, or arrow keys and Space, throws a photo out or takes it back.

import type { JSX } from 'preact'
import { useLayoutEffect } from 'preact/hooks'
import { assign, labels } from '../state/labels'
import {
  at,
  closeReview,
  foundCount,
  gridSize,
  keepAll,
  moveTo,
  nearest,
  type Order,
  review,
  setGridSize,
  showNearest,
  sorting,
  sortReview,
  thrownOut,
  toggleKept,
} from '../state/review'
import { isNarrow, setSheet } from '../state/screen'
import { selected, selectedCount } from '../state/selection'
import { number, photos as photosText } from '../text/format'
import { IconButton } from './Button'
import { NewLabel, Swatch } from './LabelPanel'
import { type Look, PhotoGrid } from './PhotoGrid'

const NEAREST = [12, 24, 48, 96, 192, 384]

export function ReviewDrawer(): JSX.Element | null {
  const open = review.value
  useLayoutEffect(() => {
    if (open && isNarrow.value) setSheet('map')
  }, [open?.ids])
  if (!open) return null
  const look = (id: number): Look => {
    const kept = selected.value[id] === 1
    return {
      picked: kept,
      mark: kept ? undefined : 'out',
      said: kept ? undefined : 'thrown out',
      badge: open.from.has(id) ? 'example' : undefined,
    }
  }
  const similar = open.kind === 'similar'
  return (
    <section class="review" aria-label="Review">
      <header>
        <h2 title={open.title}>{open.title}</h2>
        <span class="kept">
          {number(open.ids.length - thrownOut.value)} kept
          {thrownOut.value > 0 && `, ${number(thrownOut.value)} thrown out`}
        </span>
        <div class="review-tools">
          {similar && (
            <label>
              <select
                aria-label="How many similar photos"
                value={String(nearest.value)}
                onChange={(event) => showNearest(Number(event.currentTarget.value))}
              >
                {NEAREST.filter((_, i) => i === 0 || (NEAREST[i - 1] ?? 0) < foundCount()).map((k) => (
                  <option key={k} value={k}>
                    {k} nearest
                  </option>
                ))}
              </select>
            </label>
          )}
          <label>
            Sort{' '}
            <select
              aria-label="Sort"
              value={open.order}
              onChange={(event) => void sortReview(event.currentTarget.value as Order)}
            >
              <option value="as-is">{similar ? 'nearest first' : 'as in the folder'}</option>
              <option value="odd-first">odd ones first</option>
            </select>
          </label>
          <label class="size">
            Size{' '}
            <input
              type="range"
              min="56"
              max="256"
              step="8"
              value={gridSize.value}
              aria-label="Size of photos"
              onInput={(event) => setGridSize(Number(event.currentTarget.value))}
            />
          </label>
          <button type="button" class="button" onClick={() => keepAll(thrownOut.value > 0)}>
            {thrownOut.value > 0 ? 'Keep all' : 'Throw out all'}
          </button>
        </div>
        <IconButton icon="close" name="Close review" onClick={closeReview} />
      </header>
      <PhotoGrid
        ids={open.ids}
        name="Photos: Space throws out or takes back"
        size={gridSize.value}
        at={at.value}
        onMove={moveTo}
        onPick={toggleKept}
        look={look}
        busy={sorting.value}
      />
      <footer>
        <span class="label-these">Label {photosText(selectedCount.value)}:</span>
        <div class="chips" role="group" aria-label="Label the kept photos">
          {labels.value.names.map(({ name, colour }, i) => (
            <button
              type="button"
              key={name}
              class="chip"
              aria-label={`Label kept photos ${name}`}
              aria-disabled={selectedCount.value === 0}
              data-key={i < 9 ? String(i + 1) : ''}
              onClick={() => void assign(name)}
            >
              <Swatch colour={colour} text={i < 9 ? String(i + 1) : ''} />
              {name}
            </button>
          ))}
        </div>
        <NewLabel id="review-new-label" name="New label for the kept photos" />
      </footer>
    </section>
  )
}
