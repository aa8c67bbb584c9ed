// The labels to choose from, by key or by a part of the name; what is typed can be a new label, too.

import type { JSX, RefObject } from 'preact'
import { useState } from 'preact/hooks'
import { kept, lookAlike } from '../../state/label-names'
import { KEYED, labels, matching } from '../../state/labels'
import { Swatch } from '../LabelPanel'

interface Props {
  field: RefObject<HTMLInputElement | null>
  /** marked among the labels */
  guess: string | null
  /** whether there is a photo to be named */
  can: boolean
  onName: (name: string) => void
  /** Enter in an empty field, which is then what Enter is beside it. */
  onEmpty: () => void
}

export function NameChoices({ field, guess, can, onName, onEmpty }: Props): JSX.Element {
  const [text, setText] = useState('')
  const all = labels.value.names
  const typed = kept(text)
  const found = matching(all, text)
  const first = typed === '' ? undefined : found[0]
  // Not where it could be taken for another one.
  const isNew = typed !== '' && !all.some((l) => l.name === typed) && lookAlike(all, typed) === null
  const take = (name: string): void => {
    setText('')
    onName(name)
  }
  return (
    <>
      <form
        class="batch-find"
        onSubmit={(event) => {
          event.preventDefault()
          if (typed === '') onEmpty()
          else if (can) take(first?.name ?? typed)
        }}
      >
        <input
          ref={field}
          type="text"
          value={text}
          autocomplete="off"
          aria-label="Label"
          aria-keyshortcuts="/"
          aria-describedby="batch-enter"
          placeholder={all.length === 0 ? 'Type a label' : 'Type a label, old or new'}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return
            if (event.repeat) event.preventDefault()
            else if (event.shiftKey && isNew && can && !event.isComposing) {
              event.preventDefault()
              take(typed)
            }
          }}
        />
        <p class="hint" id="batch-enter" role="status">
          {first ? `Enter: ${first.name}` : typed !== '' && `Enter: new label “${typed}”`}
          {first && isNew && ` · Shift+Enter: new label “${typed}”`}
        </p>
      </form>
      <div class="check-labels" role="group" aria-label="Labels">
        {found.map((label) => {
          const { name, colour } = label
          const place = all.indexOf(label)
          const key = place < KEYED ? String(place + 1) : ''
          return (
            <button
              type="button"
              key={name}
              class={`button ${name === guess ? 'guess' : ''}`}
              aria-keyshortcuts={key || undefined}
              aria-disabled={!can}
              onClick={() => can && take(name)}
            >
              <Swatch colour={colour} text={key} />
              <span dir="auto" title={name}>
                {name}
                {name === guess && <span class="visually-hidden">, predicted</span>}
              </span>
            </button>
          )
        })}
      </div>
      {first && isNew && (
        <button type="button" class="button" onClick={() => can && take(typed)}>
          New label “{typed}”
        </button>
      )}
    </>
  )
}
