// What is worth another look: labels that may be wrong, and photos that are there more than once.

import type { JSX } from 'preact'
import { search } from '../state/duplicates'
import { percent } from '../text/format'
import { CommandButton } from './Button'

export function LookAgain(): JSX.Element {
  const now = search.value
  const share = now?.running && now.total > 0 ? now.done / now.total : null
  return (
    <div class="look-again" role="group" aria-label="Look again">
      <h3>Look again</h3>
      <CommandButton command="suspects" class="wide">
        Labels that may be wrong
      </CommandButton>
      <CommandButton command="duplicates" class="wide" busy={now?.running === true}>
        {share === null ? 'Duplicates' : `Duplicates: searching, ${percent(share)}`}
      </CommandButton>
    </div>
  )
}
