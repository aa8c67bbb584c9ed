// Keys by name: as pressed, as shown on the page, as told to assistive technology.

const SHOWN: Record<string, string> = {
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  Escape: 'Esc',
  Delete: 'Del',
}

/** `Ctrl+Shift+z` as people know it: `Ctrl+Shift+Z`. */
export function keyText(key: string): string {
  const parts = key === '+' ? ['+'] : key.split('+')
  const last = parts.pop()!
  return [...parts, SHOWN[last] ?? last.toUpperCase()].join('+')
}

/** The same for assistive technology (the value of aria-keyshortcuts). */
export const ariaKey = (key: string): string => (key === '+' ? 'Plus' : key.replace('Ctrl', 'Control'))

type Press = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>

/** The key pressed, in the form of the table of commands. */
export function pressed(event: Press): string {
  const letter = event.key.length === 1
  const key = letter ? event.key.toLowerCase() : event.key
  const ctrl = event.ctrlKey || event.metaKey ? 'Ctrl+' : ''
  // Shift is part of signs such as ? and +, but not of letters.
  const shift = event.shiftKey && (!letter || /[a-z]/.test(key)) ? 'Shift+' : ''
  return `${event.altKey ? 'Alt+' : ''}${ctrl}${shift}${key}`
}
