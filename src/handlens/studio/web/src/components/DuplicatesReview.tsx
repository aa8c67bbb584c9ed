// Duplicates: how far the search for them is, and then their groups.

import type { JSX } from 'preact'
import { useKeys } from '../keyboard/view-keys'
import { dialog, question } from '../state/dialogs'
import {
  cancelSearch,
  groups,
  headings,
  KINDS,
  labelAlike,
  labelGroup,
  pickCopies,
  pickGroup,
  pickPhotos,
  search,
  toLabelAlike,
} from '../state/duplicates'
import { labels } from '../state/labels'
import { at, gridSize, moveTo, type Review } from '../state/review'
import { selected, selectedCount } from '../state/selection'
import { duration, number, photos as photosText, plural } from '../text/format'
import { LabelChips } from './LabelChips'
import { type Look, PhotoGrid } from './PhotoGrid'
import { ReviewHeader } from './ReviewHeader'
import { inReview } from './SuspectsReview'

export function DuplicatesReview({ open }: { open: Review }): JSX.Element {
  return groups.value === null ? <Searching title={open.title} /> : <Groups open={open} />
}

function Searching({ title }: { title: string }): JSX.Element {
  const now = search.value
  return (
    <>
      <ReviewHeader title={title} kept="" />
      <div class="searching">
        <p role="status">Searching for photos that are in the collection more than once…</p>
        <progress
          aria-label="Searching for duplicates"
          {...(now && now.total > 0 ? { value: now.done, max: now.total } : {})}
        />
        <p class="hint">
          {now?.seconds_left != null ? `${duration(now.seconds_left)} left. ` : ''}
          You can close this and go on meanwhile.
        </p>
        <button type="button" class="button" onClick={() => void cancelSearch()}>
          Cancel
        </button>
      </div>
    </>
  )
}

function Groups({ open }: { open: Review }): JSX.Element {
  useKeys((key, event) => {
    if (dialog.value || question.value || !inReview(event)) return false
    const label = /^[1-9]$/.test(key) ? labels.value.names[Number(key) - 1] : undefined
    if (!label && key !== 'g') return false
    if (event.repeat) return true
    if (label) void labelGroup(label.name)
    else pickGroup()
    return true
  })
  const { members, ids } = groups.value!
  const alike = toLabelAlike.value.length
  const n = selectedCount.value
  return (
    <>
      <ReviewHeader title={open.title} kept={`${plural(members.length, 'group')}, ${photosText(ids.length)}`}>
        <button type="button" class="button" onClick={pickCopies}>
          Select the copies
        </button>
        {alike > 0 && (
          <button type="button" class="button" onClick={() => void labelAlike()}>
            Label {number(alike)} like their group
          </button>
        )}
      </ReviewHeader>
      <PhotoGrid
        ids={open.ids}
        name="Duplicates: Space picks a photo, G its group; the key of a label is for those picked, or else for the group"
        size={gridSize.value}
        at={at.value}
        onMove={moveTo}
        onPick={pickPhotos}
        look={lookOf}
        headings={headings.value}
      />
      <footer>
        <button type="button" class="button" aria-keyshortcuts="g" onClick={pickGroup}>
          Select the group <kbd>G</kbd>
        </button>
        <span class="label-these">Label {n > 0 ? `the ${photosText(n)} selected` : 'the whole group'}:</span>
        <LabelChips
          name="Label the photos selected, or the group"
          id="review-find-label"
          can
          onLabel={(name) => void labelGroup(name)}
        />
      </footer>
    </>
  )
}

function lookOf(id: number): Look {
  const picked = selected.value[id] === 1
  const { groupOf, kindOf } = groups.value!
  return {
    picked,
    mark: picked ? 'picked' : undefined,
    said: `group ${number((groupOf.get(id) ?? 0) + 1)}`,
    badge: KINDS[kindOf.get(id) ?? 0],
  }
}
