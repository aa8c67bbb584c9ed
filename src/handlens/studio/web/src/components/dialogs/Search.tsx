// Asks for words, and shows the photos that they describe best in the review.

import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { closeDialog } from '../../state/dialogs'
import { sentenceOf } from '../../state/messages'
import { searchesWith, searchFor, sentence } from '../../state/text-search'
import { Dialog } from './Dialog'

export function Search(): JSX.Element {
  const field = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [looking, setLooking] = useState(false)
  useEffect(() => field.current?.select(), [])

  const search = async (words: string): Promise<void> => {
    setLooking(true)
    setProblem(null)
    try {
      await searchFor(words)
      closeDialog()
    } catch (error) {
      setProblem(sentenceOf(error))
    } finally {
      setLooking(false)
    }
  }
  return (
    <Dialog title="Find photos by words">
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault()
          const words = field.current!.value.trim()
          if (words && !looking) void search(words)
        }}
      >
        <label>
          What the photos show
          <input
            ref={field}
            type="search"
            defaultValue={sentence.value}
            placeholder="a red car in front of a house"
            autocomplete="off"
            maxLength={1000}
            autofocus
            required
            aria-invalid={problem !== null}
            aria-describedby="search-hint not-found"
          />
        </label>
        <p id="search-hint" class="hint">
          {searchesWith.value} ranks all photos by how well the words describe them, the best first. It also ranks
          photos when none shows it, so look before you label.
        </p>
        <p id="not-found" class="problem" role="alert">
          {problem}
        </p>
        <div class="actions">
          <button type="button" class="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="button filled" aria-busy={looking}>
            {looking ? 'Searching…' : 'Search'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
