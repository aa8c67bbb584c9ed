// The edge between the map and the review, which can be moved with the mouse and with keys.

import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { reviewShare, setReviewShare } from '../state/view'

const [LEAST, MOST, STEP, USUAL] = [0.25, 0.9, 0.05, 0.62]

const inRange = (share: number): number => Math.round(100 * Math.max(LEAST, Math.min(MOST, share))) / 100

/** The share after a key; undefined for keys that do not move the edge. */
export function shareAfter(key: string, share: number): number | undefined {
  if (key === 'ArrowUp') return inRange(share + STEP)
  if (key === 'ArrowDown') return inRange(share - STEP)
  if (key === 'Home') return MOST
  if (key === 'End') return LEAST
  if (key === 'Enter') return USUAL
}

export function Splitter(): JSX.Element {
  const bar = useRef<HTMLDivElement>(null)
  const follow = (event: PointerEvent): void => {
    if (!bar.current!.hasPointerCapture(event.pointerId)) return
    const room = bar.current!.closest('.centre')!.getBoundingClientRect()
    setReviewShare(inRange((room.bottom - event.clientY) / room.height))
  }
  return (
    <div
      ref={bar}
      class="splitter"
      role="separator"
      tabIndex={0}
      aria-label="Edge between map and review"
      aria-orientation="horizontal"
      aria-valuemin={100 * LEAST}
      aria-valuemax={100 * MOST}
      aria-valuenow={Math.round(100 * reviewShare.value)}
      data-tip="Drag, or arrow keys up and down; Enter for the usual height"
      onPointerDown={(event) => {
        bar.current!.setPointerCapture(event.pointerId)
      }}
      onPointerMove={follow}
      onDblClick={() => setReviewShare(USUAL)}
      onKeyDown={(event) => {
        const to = event.ctrlKey || event.metaKey || event.altKey ? undefined : shareAfter(event.key, reviewShare.value)
        if (to === undefined) return
        event.preventDefault()
        setReviewShare(to)
      }}
    />
  )
}
