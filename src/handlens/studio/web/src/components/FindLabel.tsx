// A field that finds labels by their names, so that those without a key can be given without a mouse.

import type { JSX } from 'preact'
import type { LabelCount } from '../server/types'

interface Props {
  id?: string
  text: string
  /** the key that leads here */
  shortcut?: string
  /** the labels that match the text, the best first */
  found: readonly LabelCount[]
  onText: (text: string) => void
  /** Enter takes the first label that matches. */
  onTake: (name: string) => void
}

export function FindLabel({ id, text, shortcut = '/', found, onText, onTake }: Props): JSX.Element {
  const first = text.trim() === '' ? undefined : found[0]
  return (
    <form
      class="find-label"
      onSubmit={(event) => {
        event.preventDefault()
        if (first) onTake(first.name)
      }}
    >
      <input
        id={id}
        type="search"
        value={text}
        autocomplete="off"
        aria-label="Find a label"
        aria-keyshortcuts={shortcut.toLowerCase()}
        placeholder={`Find a label (${shortcut})`}
        onInput={(event) => onText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onText('')
        }}
      />
      <p class="hint" role="status">
        {first ? `Enter: ${first.name}` : text.trim() !== '' && 'No label has this in its name.'}
      </p>
    </form>
  )
}
