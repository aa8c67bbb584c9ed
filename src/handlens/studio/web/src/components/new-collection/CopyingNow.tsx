// How far photos are copied into new collections, and a button to stop.

import type { JSX } from 'preact'
import type { Copying } from '../../server/types'
import { cancelCopying, copying } from '../../state/copying'
import { duration, number, photos as photosText } from '../../text/format'

export function CopyingNow(): JSX.Element | null {
  if (copying.value.length === 0) return null
  return (
    <ul class="copying">
      {copying.value.map((one) => (
        <li key={one.id} class="card">
          <p>
            <b>Copying photos of {one.name}</b> {soFar(one)}
          </p>
          <progress
            aria-label={`Copying photos of ${one.name}`}
            {...(one.total > 0 ? { value: one.share, max: 1 } : {})}
          />
          <button type="button" class="button" onClick={() => void cancelCopying(one)}>
            Stop copying {one.name}
          </button>
        </li>
      ))}
    </ul>
  )
}

/** How far it is, such as "2 of 10 files · 120 photos · 3 left out · 20 s left". */
export function soFar(of: Copying): string {
  if (of.total === 0) return 'Listing the files…'
  return [
    `${number(of.files)} of ${number(of.total)} ${of.total === 1 ? 'file' : 'files'}`,
    photosText(of.photos),
    ...(of.left_out > 0 ? [`${number(of.left_out)} left out`] : []),
    ...(of.seconds_left !== null ? [`${duration(of.seconds_left)} left`] : []),
  ].join(' · ')
}
