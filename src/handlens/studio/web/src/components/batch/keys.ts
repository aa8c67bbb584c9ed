// The keys that the two views of a batch have in common.

import type { RefObject } from 'preact'
import { takeBack } from '../../state/batch'
import { labels } from '../../state/labels'

interface Keys {
  field: RefObject<HTMLInputElement | null>
  box: RefObject<HTMLElement | null>
  onName: (name: string) => void
}

/** Answers a key that names photos, takes an answer back, or begins a name; says whether it was one of these. */
export function answerKey(event: KeyboardEvent, { field, box, onName }: Keys): boolean {
  const { key } = event
  if (event.isComposing) return true
  const inField = event.target === field.current
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === 'z' && !event.shiftKey && !inField) {
    event.preventDefault()
    if (!event.repeat) void takeBack()
    return true
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return true
  if (inField) {
    if (key !== 'Escape') return true
    event.preventDefault() // Escape leaves the field, not the batch.
    box.current?.focus()
    return true
  }
  // A key that is held down answers once.
  if (event.repeat && !key.startsWith('Arrow')) {
    event.preventDefault()
    event.stopPropagation()
    return true
  }
  const label = /^[1-9]$/.test(key) ? labels.value.names[Number(key) - 1] : undefined
  if (label) onName(label.name)
  else if (key === 'Backspace') void takeBack()
  else if (key === '/') field.current?.focus()
  else if (/^\p{L}$/u.test(key)) {
    field.current?.focus() // and the letter is typed into it
    return true
  } else return false
  event.preventDefault()
  return true
}
