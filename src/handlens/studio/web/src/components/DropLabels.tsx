// Files with labels that are dropped anywhere on an open collection.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { dialog, openDialog, question } from '../state/dialogs'
import { choose, importing } from '../state/importing'
import { say } from '../state/messages'
import { owned } from '../state/owned'
import { photosText } from '../text/dropped'
import { Icon } from './icons'
import { takeDrops } from './stray-drops'

/** Whether files are over the page that would be taken. */
export const [isOver, setIsOver] = owned(false)

/** Over any other dialog, and while labels are being imported, files are refused. */
const wanted = (): boolean =>
  question.value === null && (dialog.value === null || dialog.value.kind === 'import') && !importing.value

export function DropLabels(): JSX.Element | null {
  useEffect(
    () =>
      takeDrops({
        wanted,
        over: setIsOver,
        dropped: (files) => {
          const text = photosText(files)
          if (text !== null) return void say(text)
          openDialog({ kind: 'import' })
          choose({ files })
        },
      }),
    [],
  )
  // Over the dialog, which lies above everything else, its own place for files says the same.
  if (!isOver.value || dialog.value) return null
  return (
    <div class="drop-labels" aria-hidden="true">
      <p>
        <Icon name="upload" /> Drop a file or a folder with labels to import them
      </p>
    </div>
  )
}
