// The note beside a run, or beside many.

import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { Dialog } from '../../components/dialogs/Dialog'
import { plural } from '../../text/format'
import { runs } from '../state/study'
import { closeNote, noting, setNote } from './act'
import { noteOf } from './which'

export function NoteDialog(): JSX.Element | null {
  const text = useRef<HTMLTextAreaElement>(null)
  const ids = noting.value
  if (ids === null) return null
  return (
    <Dialog title={`Note beside ${ids.length === 1 ? `run ${ids[0]}` : plural(ids.length, 'run')}`} close={closeNote}>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault()
          closeNote()
          setNote(ids, text.current!.value.trim())
        }}
      >
        <label>
          Note
          <textarea
            ref={text}
            rows={4}
            maxLength={10_000}
            defaultValue={noteOf(runs.value, ids)}
            autofocus
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.currentTarget.form!.requestSubmit()
            }}
          />
        </label>
        {ids.length > 1 && <p class="hint">It takes the place of the notes that these runs have.</p>}
        <div class="actions">
          <button type="button" class="button" onClick={closeNote}>
            Cancel
          </button>
          <button type="submit" class="button filled">
            Save
          </button>
        </div>
      </form>
    </Dialog>
  )
}
