// A grid of photos, of which only the visible rows are rendered. Arrow keys move in it; a click or Space picks a
// photo, which means what the view says that the grid is in; Enter shows it large.

import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { colourOf } from '../colour/palette'
import { api, nameOf } from '../state/collection'
import { openDialog } from '../state/dialogs'
import { labelOf, labels } from '../state/labels'
import { theme } from '../state/theme'
import { GAP, layOut, placeAfter, rowOf, rowsBetween } from './grid-layout'

/** How a photo of the grid looks, and what is said of it. */
export interface Look {
  picked: boolean
  /** "out": crossed out; "picked": framed; "done": pale, as nothing is left to do with it */
  mark?: 'out' | 'picked' | 'done' | undefined
  /** of its state, for screen readers, after its name and label */
  said?: string | undefined
  badge?: string | undefined
  /** the lines below the photo, in `captionHeight`, of which the last counts most; in place of its label */
  caption?: readonly string[] | undefined
  /** of the lines, in full */
  title?: string | undefined
}

interface Props {
  ids: readonly number[]
  /** what the grid shows, and what Space does */
  name: string
  /** side of a photo, pixels */
  size: number
  /** the place in `ids` that the arrow keys are on */
  at: number
  onMove: (place: number) => void
  /** A click or Space; with Shift also on `others`, those between the place before and this one. */
  onPick: (id: number, others: readonly number[]) => void
  look: (id: number) => Look
  captionHeight?: number
  /** by the place of the photo below each */
  headings?: ReadonlyMap<number, string>
  busy?: boolean
}

const NONE: ReadonlyMap<number, string> = new Map()

export function PhotoGrid(props: Props): JSX.Element {
  const { ids, name, size, at, onMove, onPick, look, captionHeight = 0, headings = NONE, busy } = props
  const box = useRef<HTMLDivElement>(null)
  const [room, setRoom] = useState({ width: 800, height: 300 })
  const [scrollTop, setScrollTop] = useState(0)
  // Before the grid is painted: a later reset would undo what keys did in the meantime.
  useLayoutEffect(() => {
    box.current!.scrollTop = 0
    // Opening the grid gives it the focus, unless the person is typing in a field.
    if (!(document.activeElement instanceof HTMLInputElement)) box.current!.focus({ preventScroll: true })
  }, [ids])
  useEffect(() => {
    const element = box.current!
    const watch = new ResizeObserver(() => setRoom({ width: element.clientWidth, height: element.clientHeight }))
    watch.observe(element)
    return () => watch.disconnect()
  }, [])
  const layout = useMemo(
    () => layOut({ count: ids.length, width: room.width, size, captionHeight, headings }),
    [ids, room.width, size, captionHeight, headings],
  )
  // The photo that the keys are on stays in sight, also when something else has moved there.
  useLayoutEffect(() => {
    const element = box.current!
    const row = rowOf(layout, at)
    if (!row) return
    if (row.top - GAP < element.scrollTop) element.scrollTop = at < layout.columns ? 0 : row.top - GAP
    else if (row.top + row.height + GAP > element.scrollTop + room.height) {
      element.scrollTop = row.top + row.height + GAP - room.height
    }
  }, [at, layout, room.height])

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const id = ids[at]
    const to = placeAfter(event.key, at, layout, ids.length, room.height)
    if (to !== undefined) onMove(to)
    else if (event.key === ' ' && id !== undefined) onPick(id, [])
    else if (event.key === 'Enter' && id !== undefined) openDialog({ kind: 'photo', id, among: ids })
    else return
    event.preventDefault()
  }
  const onClick = (event: MouseEvent, place: number): void => {
    const others = event.shiftKey ? ids.slice(Math.min(at, place), Math.max(at, place) + 1) : []
    onMove(place)
    onPick(ids[place]!, others)
  }

  return (
    <div
      class="grid"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-multiselectable="true"
      aria-busy={busy}
      aria-label={name}
      aria-activedescendant={ids[at] === undefined ? undefined : `review-${ids[at]}`}
      onKeyDown={onKeyDown}
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
    >
      <div class="grid-room" role="presentation" style={{ height: `${layout.height}px` }}>
        {rowsBetween(layout, scrollTop, scrollTop + room.height).map((row) =>
          row.headings !== undefined
            ? row.headings.map(({ text, column, columns }) => (
                <div
                  key={`heading-${row.first + column}`}
                  class="grid-heading"
                  role="presentation"
                  title={text}
                  style={{
                    width: `${columns * layout.step - GAP}px`,
                    height: `${row.height}px`,
                    transform: `translate(${GAP + column * layout.step}px, ${row.top}px)`,
                  }}
                >
                  {text}
                </div>
              ))
            : ids.slice(row.first, row.end).map((id, column) => {
                const place = row.first + column
                return (
                  <Tile
                    key={id}
                    id={id}
                    look={look(id)}
                    active={place === at}
                    place={place}
                    of={ids.length}
                    side={layout.side}
                    height={row.height}
                    left={GAP + column * layout.step}
                    top={row.top}
                    onClick={(event) => onClick(event, place)}
                  />
                )
              }),
        )}
      </div>
    </div>
  )
}

interface TileProps {
  id: number
  look: Look
  active: boolean
  place: number
  of: number
  side: number
  height: number
  left: number
  top: number
  onClick: (event: MouseEvent) => void
}

function Tile({ id, look, active, place, of, side, height, left, top, onClick }: TileProps): JSX.Element {
  const code = labels.value.codes[id] ?? -1
  const said = [nameOf(id), look.badge, ...(look.caption ?? [labelOf(id)]), look.said].filter(Boolean).join(', ')
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus and names the active option
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys
    <div
      id={`review-${id}`}
      role="option"
      aria-selected={look.picked}
      aria-setsize={of}
      aria-posinset={place + 1}
      aria-label={said}
      class={`photo ${look.mark ?? ''} ${active ? 'active' : ''}`}
      style={{ width: `${side}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px)` }}
      onClick={onClick}
    >
      <div class="photo-picture" style={{ height: `${side}px` }}>
        <img src={api.thumb(id)} alt="" draggable={false} decoding="async" />
        {code >= 0 && (
          <i class="stripe" style={{ background: colourOf(labels.value.names[code]!.colour, theme.value) }} />
        )}
        {look.badge && <small class="badge">{look.badge}</small>}
      </div>
      {look.caption && (
        <div class="photo-caption" title={look.title} style={{ height: `${height - side}px` }}>
          {look.caption.map((line, i) => (
            <span key={i} class="one-line">
              {line}{' '}
            </span>
          ))}
        </div>
      )}
    </div>
  )
}
