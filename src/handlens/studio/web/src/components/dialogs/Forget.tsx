// Asks before a collection is deleted.

import type { JSX } from 'preact'
import type { CollectionSummary } from '../../server/types'
import { forget } from '../../state/home'
import { photos as photosText } from '../../text/format'
import { Ask } from './Ask'

export function Forget({ what }: { what: CollectionSummary }): JSX.Element {
  const n = what.labelled
  return (
    <Ask title={`Forget ${what.name}?`} action="Forget" run={() => forget(what)}>
      <p>
        {n > 0 ? `The labels of ${photosText(n)}, its maps and its model` : 'Its maps'} are deleted from this machine.
        This cannot be undone.
      </p>
      <p>
        {what.copied ? (
          'So are the copies of the photos that Studio made. The photos they were made from stay untouched.'
        ) : (
          <>
            The photos stay untouched in <span class="path">{what.images}</span>.
          </>
        )}
      </p>
    </Ask>
  )
}
