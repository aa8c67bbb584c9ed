// A button that puts a text on the clipboard, and says that it did.

import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { announce, say } from '../state/messages'

export function CopyButton({ text, name = 'Copy' }: { text: string; name?: string }): JSX.Element {
  const copied = useSignal(false)
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      copied.value = true
      announce('Copied')
    } catch {
      say('The browser does not let this page copy. Select the text, and press Ctrl+C.', 'error')
    }
  }
  return (
    <button type="button" class="button small" onClick={() => void copy()} onBlur={() => (copied.value = false)}>
      {copied.value ? 'Copied' : name}
    </button>
  )
}
