// Labels that may be wrong, each with its name and the one that the model suggests.

import type { JSX } from 'preact'
import { useKeys } from '../keyboard/view-keys'
import { dialog, question } from '../state/dialogs'
import { labels } from '../state/labels'
import { turned } from '../state/masks'
import { at, gridSize, moveTo, type Review, review } from '../state/review'
import { replaceSelection, selected, selectedCount } from '../state/selection'
import { decision, doubtText, keepLabels, labelSuspects, leftCount, suspects, takeSuggested } from '../state/suspects'
import { number, percent, plural } from '../text/format'
import { LabelChips } from './LabelChips'
import { type Look, PhotoGrid } from './PhotoGrid'
import { ReviewHeader } from './ReviewHeader'

/** Below this size both names do not fit under a photo. */
const LEAST_SIZE = 136

export function SuspectsReview({ open }: { open: Review }): JSX.Element {
  useKeys((key, event) => {
    if (dialog.value || question.value || !inReview(event)) return false
    const label = /^[1-9]$/.test(key) ? labels.value.names[Number(key) - 1] : undefined
    if (!label && key !== 'k' && key !== 'c') return false
    // A key that is held down decides once.
    if (event.repeat) return true
    if (key === 'k') void keepLabels()
    else if (key === 'c') void takeSuggested()
    else if (label) void labelSuspects(label.name)
    return true
  })
  const left = leftCount()
  const active = open.ids[at.value]
  const n = selectedCount.value
  return (
    <>
      <ReviewHeader title={open.title} kept={left === 0 ? 'all looked at' : `${number(left)} left`} />
      <PhotoGrid
        ids={open.ids}
        name="Labels that may be wrong: Space picks, K keeps the label, C changes it to the one suggested"
        size={Math.max(LEAST_SIZE, gridSize.value)}
        at={at.value}
        onMove={moveTo}
        onPick={(id, others) =>
          replaceSelection(turned(selected.value, [id, ...others], !selected.value[id]), 'review')
        }
        look={lookOf}
        captionHeight={38}
      />
      <footer class="suspect-actions">
        <p class="doubt" role="status">
          {n > 0 ? `${plural(n, 'photo')} picked` : active !== undefined && doubtText(active)}
        </p>
        <div class="review-buttons">
          <button type="button" class="button" aria-keyshortcuts="k" onClick={() => void keepLabels()}>
            Keep {n > 1 ? 'their labels' : 'the label'} <kbd>K</kbd>
          </button>
          <button type="button" class="button" aria-keyshortcuts="c" onClick={() => void takeSuggested()}>
            <span class="one-line">
              Change to {n > 0 || active === undefined ? 'the one suggested' : suspects.value.of.get(active)?.suggested}
            </span>{' '}
            <kbd>C</kbd>
          </button>
        </div>
        <LabelChips
          name="Give another label"
          id="review-find-label"
          can={left > 0}
          onLabel={(name) => void labelSuspects(name)}
        />
      </footer>
    </>
  )
}

/** Whether a key was pressed in the open review, or nowhere in particular: elsewhere it means what it always means. */
export const inReview = (event: KeyboardEvent): boolean =>
  review.value !== null && (event.target === document.body || (event.target as Element).closest('.review') !== null)

function lookOf(id: number): Look {
  const of = suspects.value.of.get(id)
  const done = decision(id)
  const picked = selected.value[id] === 1
  return {
    picked,
    mark: done !== null ? 'done' : picked ? 'picked' : undefined,
    caption: of && [`labelled ${of.given}`, done ?? `${percent(of.probability)} ${of.suggested}`],
    title: of && doubtText(id),
  }
}
