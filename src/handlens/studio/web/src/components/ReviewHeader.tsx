// The head of the review: what it shows, what can be done with all of it, and the button that closes it.

import type { ComponentChildren, JSX } from 'preact'
import { closeReview, gridSize, setGridSize } from '../state/review'
import { IconButton } from './Button'

interface HeaderProps {
  title: string
  kept: ComponentChildren
  children?: ComponentChildren
}

export function ReviewHeader({ title, kept, children }: HeaderProps): JSX.Element {
  return (
    <header>
      <h2 title={title}>{title}</h2>
      <span class="kept" role="status">
        {kept}
      </span>
      <div class="review-tools">
        {children}
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
      </div>
      <IconButton icon="close" name="Close review" onClick={closeReview} />
    </header>
  )
}
