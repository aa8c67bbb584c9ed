// Sends a photo to the review queue with a note, however sure the model is of it.

import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { Dialog } from '../components/dialogs/Dialog'
import { api, nameOf } from '../state/collection'
import { closeDialog } from '../state/dialogs'
import { attempt, say } from '../state/messages'
import { PersonField } from './PersonField'
import { person } from './person'

export function Contest({ id }: { id: number }): JSX.Element {
  const why = useRef<HTMLTextAreaElement>(null)
  return (
    <Dialog title={`Contest ${nameOf(id)}`}>
      <form
        class="contest"
        onSubmit={(event) => {
          event.preventDefault()
          const text = why.current!.value.trim()
          if (!text || !person.value.trim()) return
          void attempt(async () => {
            await api.contest(id, person.value, text)
            closeDialog()
            say('The photo waits in the review queue.')
          }, 'Not sent: ')
        }}
      >
        <img src={api.thumb(id)} alt="" />
        <p>A person looks at this photo, however sure the model is, and decides with a reason.</p>
        <label class="field">
          What is wrong with the prediction?
          <textarea ref={why} rows={3} maxLength={5000} required autofocus />
        </label>
        <PersonField label="Your name, for the log" />
        <div class="row">
          <button type="button" class="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="button filled">
            Send to the queue
          </button>
        </div>
      </form>
    </Dialog>
  )
}
