// A question with one text field or none, and the button that does what was asked.

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { closeDialog } from '../../state/dialogs'
import { Dialog } from './Dialog'

interface AskProps {
  title: string
  label?: string
  value?: string
  action: string
  children?: ComponentChildren
  run: (value: string) => Promise<boolean>
}

export function Ask({ title, label, value, action, children, run }: AskProps): JSX.Element {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.select(), [])
  return (
    <Dialog title={title}>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault()
          const text = input.current?.value.trim() ?? ''
          if (input.current && !text) return
          closeDialog()
          void run(text)
        }}
      >
        {children}
        {label && (
          <label>
            {label}
            <input ref={input} type="text" defaultValue={value} autocomplete="off" autofocus required />
          </label>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="button filled">
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
