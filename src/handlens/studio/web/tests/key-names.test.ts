import { describe, expect, it } from 'vitest'
import { ariaKey, keyText, pressed } from '../src/keyboard/key-names'

const press = (key: string, held: Partial<Record<'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey', boolean>> = {}) =>
  pressed({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...held })

describe('pressed', () => {
  it('names letters in lower case, with what is held', () => {
    expect(press('l')).toBe('l')
    expect(press('z', { ctrlKey: true })).toBe('Ctrl+z')
    expect(press('Z', { ctrlKey: true, shiftKey: true })).toBe('Ctrl+Shift+z')
    expect(press('z', { metaKey: true })).toBe('Ctrl+z')
  })
  it('takes the shift of a sign as part of it', () => {
    expect(press('?', { shiftKey: true })).toBe('?')
    expect(press('+', { shiftKey: true })).toBe('+')
  })
  it('keeps Alt apart, so that the browser’s own keys stay its own', () => {
    expect(press('ArrowLeft', { altKey: true })).toBe('Alt+ArrowLeft')
  })
})

describe('texts', () => {
  it('are what is printed on keys', () => {
    expect(keyText('Ctrl+Shift+z')).toBe('Ctrl+Shift+Z')
    expect(keyText('ArrowLeft')).toBe('←')
    expect(keyText('+')).toBe('+')
  })
  it('are what aria-keyshortcuts takes', () => {
    expect(ariaKey('Ctrl+z')).toBe('Control+z')
    expect(ariaKey('+')).toBe('Plus')
  })
})
