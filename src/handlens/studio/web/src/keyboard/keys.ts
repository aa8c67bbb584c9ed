// Listens to the keyboard and runs the command of the key that was pressed.

import { dialog, question } from '../state/dialogs'
import { assign, labels } from '../state/labels'
import { COMMANDS, type Command, runCommand } from './commands'
import { pressed } from './key-names'

export function commandFor(key: string): Command | null {
  return Object.values<Command>(COMMANDS).find((command) => command.keys.includes(key)) ?? null
}

/** Whether the target is a field, which gets the keys typed into it. */
export function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target instanceof HTMLInputElement) return target.type !== 'checkbox' && target.type !== 'radio'
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || dialog.value || question.value) return
  const key = pressed(event)
  if (isField(event.target)) {
    // Esc leaves a field, so that the other keys work again.
    if (key === 'Escape') (event.target as HTMLElement).blur()
    return
  }
  const label = /^[1-9]$/.test(key) ? labels.value.names[Number(key) - 1] : undefined
  if (label) {
    event.preventDefault()
    void assign(label.name)
    return
  }
  const command = commandFor(key)
  if (!command) return
  event.preventDefault()
  // Escape also closes sheets and the review, which its button does not.
  if (key === 'Escape') command.run()
  else runCommand(command)
}

export function listenToKeys(): () => void {
  addEventListener('keydown', onKey)
  return () => removeEventListener('keydown', onKey)
}
