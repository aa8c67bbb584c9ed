// A modal dialog: the browser's own, which keeps the focus inside and gives it back on closing.

import type { ComponentChildren, JSX } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { closeDialog } from '../../state/dialogs'
import { Icon } from '../icons'

interface DialogProps {
  title: string
  class?: string
  close?: () => void
  children: ComponentChildren
}

export function Dialog({ title, class: more, close = closeDialog, children }: DialogProps): JSX.Element {
  const box = useRef<HTMLDialogElement>(null)
  const id = useId()
  // A layout effect, so that the dialog has the focus before the next key press.
  useLayoutEffect(() => {
    const dialog = box.current!
    dialog.showModal()
    return () => dialog.close()
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it too
    <dialog
      ref={box}
      class={`dialog ${more ?? ''}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        close()
      }}
      onClick={(event) => {
        // A click on the dialog element itself is a click on its backdrop.
        if (event.target === box.current) close()
      }}
    >
      <div class="dialog-inside">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="button square" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
