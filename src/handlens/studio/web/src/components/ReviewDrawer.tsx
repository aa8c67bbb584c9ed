// The review grid at the bottom: a group of photos side by side, so that the odd one catches the eye.
// A click, or arrow keys and Space, throws a photo out or takes it back. Only visible rows are rendered.

import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { colourOf } from '../colour/palette'
import { api, nameOf } from '../state/collection'
import { openDialog } from '../state/dialogs'
import { assign, labelOf, labels } from '../state/labels'
import {
  closeReview,
  foundCount,
  gridSize,
  keepAll,
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
import { theme } from '../state/theme'
import { number, photos as photosText } from '../text/format'
import { IconButton } from './Button'
import { NewLabel, Swatch } from './LabelPanel'

const GAP = 6
const NEAREST = [12, 24, 48, 96, 192, 384]

export function ReviewDrawer(): JSX.Element | null {
  const open = review.value
  if (!open) return null
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
      <Grid ids={open.ids} from={open.from} />
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

/** The index in the grid of the photo that the arrow keys are on. */
const active = signal(0)
const scrollTop = signal(0)
const room = signal({ width: 800, height: 300 })

function Grid({ ids, from }: { ids: number[]; from: ReadonlySet<number> }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  // Before the grid is painted: a later reset would undo what keys did in the meantime.
  useLayoutEffect(() => {
    active.value = 0
    box.current!.scrollTop = 0
    // Opening the grid gives it the focus, unless the person is typing in a field.
    if (!(document.activeElement instanceof HTMLInputElement)) box.current!.focus({ preventScroll: true })
    if (isNarrow.value) setSheet('map')
  }, [ids])
  useEffect(() => {
    const element = box.current!
    const watch = new ResizeObserver(() => {
      room.value = { width: element.clientWidth, height: element.clientHeight }
    })
    watch.observe(element)
    return () => watch.disconnect()
  }, [])

  const columns = Math.max(1, Math.floor((room.value.width - GAP) / (gridSize.value + GAP)))
  // The photos grow a little to fill the row.
  const step = Math.floor((room.value.width - GAP) / columns)
  const side = step - GAP
  const rows = Math.ceil(ids.length / columns)
  const first = Math.max(0, Math.floor(scrollTop.value / step) - 1)
  const last = Math.min(rows, Math.ceil((scrollTop.value + room.value.height) / step) + 1)

  const moveTo = (place: number): void => {
    active.value = Math.max(0, Math.min(ids.length - 1, place))
    const top = Math.floor(active.value / columns) * step
    const element = box.current!
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + step + GAP > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + step + GAP - element.clientHeight
    }
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const page = Math.max(1, Math.floor(room.value.height / step)) * columns
    const moves: Record<string, number> = {
      ArrowLeft: active.value - 1,
      ArrowRight: active.value + 1,
      ArrowUp: active.value - columns,
      ArrowDown: active.value + columns,
      PageUp: active.value - page,
      PageDown: active.value + page,
      Home: 0,
      End: ids.length - 1,
    }
    const id = ids[active.value]
    if (event.key in moves) moveTo(moves[event.key]!)
    else if (event.key === ' ' && id !== undefined) toggleKept(id)
    else if (event.key === 'Enter' && id !== undefined) openDialog({ kind: 'photo', id })
    else return
    event.preventDefault()
  }

  const photos: JSX.Element[] = []
  for (let place = first * columns; place < Math.min(last * columns, ids.length); place++) {
    const id = ids[place]!
    const kept = selected.value[id] === 1
    const code = labels.value.codes[id] ?? -1
    const label = labelOf(id)
    photos.push(
      // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus and names the active option
      // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys
      <div
        key={id}
        id={`review-${id}`}
        role="option"
        aria-selected={kept}
        aria-setsize={ids.length}
        aria-posinset={place + 1}
        aria-label={`${nameOf(id)}${label ? `, ${label}` : ''}${from.has(id) ? ', example' : ''}${kept ? '' : ', thrown out'}`}
        class={`photo ${kept ? '' : 'out'} ${place === active.value ? 'active' : ''}`}
        style={{
          width: `${side}px`,
          height: `${side}px`,
          transform: `translate(${GAP + (place % columns) * step}px, ${GAP + Math.floor(place / columns) * step}px)`,
        }}
        onClick={() => {
          active.value = place
          toggleKept(id)
        }}
      >
        <img src={api.thumb(id)} alt="" draggable={false} decoding="async" />
        {code >= 0 && (
          <i class="stripe" style={{ background: colourOf(labels.value.names[code]!.colour, theme.value) }} />
        )}
        {from.has(id) && <small class="badge">example</small>}
      </div>,
    )
  }
  return (
    <div
      class="grid"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-multiselectable="true"
      aria-busy={sorting.value}
      aria-label="Photos: Space throws out or takes back"
      aria-activedescendant={ids[active.value] === undefined ? undefined : `review-${ids[active.value]}`}
      onKeyDown={onKeyDown}
      onScroll={(event) => (scrollTop.value = event.currentTarget.scrollTop)}
    >
      <div class="grid-room" style={{ height: `${rows * step + GAP}px` }}>
        {photos}
      </div>
    </div>
  )
}
