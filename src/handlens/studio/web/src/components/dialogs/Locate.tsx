// Asks where the folder of the photos is now, after it was moved.

import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { api, collection, replaceCollection } from '../../state/collection'
import { closeDialog } from '../../state/dialogs'
import { say, sentenceOf } from '../../state/messages'
import { Dialog } from './Dialog'

export function Locate(): JSX.Element {
  const field = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [looking, setLooking] = useState(false)
  const before = collection.value?.images

  const locate = async (path: string): Promise<void> => {
    setLooking(true)
    setProblem(null)
    try {
      const state = await api.relocate(path)
      if (!collection.value) return location.reload()
      replaceCollection(state)
      closeDialog()
      say('The photos are found.')
    } catch (error) {
      setProblem(sentenceOf(error))
    } finally {
      setLooking(false)
    }
  }
  return (
    <Dialog title="Locate the folder">
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault()
          const path = field.current!.value.trim()
          if (path && !looking) void locate(path)
        }}
      >
        <p>
          Where are the photos now? Some of them are looked for there and compared, so that no label comes to another
          photo.
        </p>
        {before && (
          <p class="hint">
            They were in <span class="path">{before}</span>.
          </p>
        )}
        <label>
          Folder
          <input
            ref={field}
            type="text"
            autocomplete="off"
            spellcheck={false}
            autofocus
            required
            aria-invalid={problem !== null}
            aria-describedby="not-located"
          />
        </label>
        <p id="not-located" class="problem" role="alert">
          {problem}
        </p>
        <div class="actions">
          <button type="button" class="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="button filled" aria-busy={looking}>
            {looking ? 'Looking…' : 'Locate'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
