// The review at the bottom: photos side by side. A selection, so that the odd one catches the eye, and a click, or
// arrow keys and Space, throws it out or takes it back; labels that may be wrong; duplicates.

import type { JSX } from 'preact'
import { useLayoutEffect } from 'preact/hooks'
import { shards } from '../state/everywhere'
import { assign, unlabel } from '../state/labels'
import {
  at,
  foundCount,
  gridSize,
  keepAll,
  MOST_FOUND,
  moveTo,
  nearest,
  type Order,
  type Review,
  review,
  showNearest,
  sorting,
  sortReview,
  target,
  thrownOut,
  toggleKept,
} from '../state/review'
import { isNarrow, setSheet } from '../state/screen'
import { selected, selectedCount } from '../state/selection'
import { sentence } from '../state/text-search'
import { reviewShare } from '../state/view'
import { number, photos as photosText } from '../text/format'
import { CommandButton } from './Button'
import { DuplicatesReview } from './DuplicatesReview'
import { LabelChips } from './LabelChips'
import { NewLabel } from './LabelPanel'
import { type Look, PhotoGrid } from './PhotoGrid'
import { ReviewHeader } from './ReviewHeader'
import { Splitter } from './Splitter'
import { SuspectsReview } from './SuspectsReview'

const NEAREST = [12, 24, 48, 96, 192, MOST_FOUND]

export function ReviewDrawer(): JSX.Element | null {
  const open = review.value
  useLayoutEffect(() => {
    if (open && isNarrow.value) setSheet('map')
  }, [open?.ids])
  if (!open) return null
  return (
    <section
      class="review"
      aria-label="Review"
      style={isNarrow.value ? undefined : { height: `${100 * reviewShare.value}%` }}
    >
      {!isNarrow.value && <Splitter />}
      {open.kind === 'suspects' ? (
        <SuspectsReview open={open} />
      ) : open.kind === 'duplicates' ? (
        <DuplicatesReview open={open} />
      ) : (
        <SortingOut open={open} />
      )}
    </section>
  )
}

/** Photos of which some are thrown out. */
function SortingOut({ open }: { open: Review }): JSX.Element {
  const look = (id: number): Look => {
    const kept = selected.value[id] === 1
    return {
      picked: kept,
      mark: kept ? undefined : 'out',
      said: kept ? undefined : 'thrown out',
      badge: open.from.has(id) ? 'example' : undefined,
    }
  }
  const best = open.kind === 'search' ? 'best' : 'nearest'
  const found = open.kind !== 'selection'
  const out = thrownOut.value
  return (
    <>
      <ReviewHeader
        title={open.title}
        kept={`${number(open.ids.length - out)} kept${out > 0 ? `, ${number(out)} thrown out` : ''}`}
      >
        {found && (
          <label>
            <select
              aria-label="How many photos"
              value={String(nearest.value)}
              onChange={(event) => showNearest(Number(event.currentTarget.value))}
            >
              {NEAREST.filter((_, i) => i === 0 || (NEAREST[i - 1] ?? 0) < foundCount()).map((k) => (
                <option key={k} value={k}>
                  {k} {best}
                </option>
              ))}
            </select>
          </label>
        )}
        {open.kind === 'similar' && shards.value && <CommandButton command="everywhere">In all photos</CommandButton>}
        <label>
          Sort{' '}
          <select
            aria-label="Sort"
            value={open.order}
            onChange={(event) => void sortReview(event.currentTarget.value as Order)}
          >
            <option value="as-is">{found ? `${best} first` : 'as in the folder'}</option>
            <option value="odd-first">odd ones first</option>
          </select>
        </label>
        <button type="button" class="button" onClick={() => keepAll(out > 0)}>
          {out > 0 ? 'Keep all' : 'Throw out all'}
        </button>
      </ReviewHeader>
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
        {out > 0 && (
          <CommandButton command="wrong" on={target.value === 'out'}>
            {number(out)} {out === 1 ? 'is' : 'are'} wrong
          </CommandButton>
        )}
        {target.value === 'out' ? <ForThrownOut n={out} /> : <ForKept key={open.title} open={open} />}
      </footer>
    </>
  )
}

function ForKept({ open }: { open: Review }): JSX.Element {
  const n = selectedCount.value
  return (
    <>
      <span class="label-these">Label {photosText(n)}:</span>
      <LabelChips
        name="Label the kept photos"
        id="review-find-label"
        can={n > 0}
        onLabel={(name) => void assign(name)}
      />
      <NewLabel
        id="review-new-label"
        name="New label for the kept photos"
        offered={open.kind === 'search' ? sentence.value : undefined}
      />
    </>
  )
}

function ForThrownOut({ n }: { n: number }): JSX.Element {
  return (
    <>
      <button type="button" class="button" data-key="Del" aria-keyshortcuts="Delete" onClick={() => void unlabel()}>
        Take their label off
      </button>
      <span class="label-these">or label the {photosText(n)} thrown out:</span>
      <LabelChips
        name="Label the photos thrown out"
        id="review-find-label"
        can={n > 0}
        onLabel={(name) => void assign(name)}
      />
      <NewLabel id="review-new-label" name="New label for the photos thrown out" n={n} />
    </>
  )
}
