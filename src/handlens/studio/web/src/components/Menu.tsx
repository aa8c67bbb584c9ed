// A button that opens a menu: arrows move in it, Esc closes it and gives the focus back to the button.

import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

export interface MenuItem {
  name: string
  run: () => void
  /** why it cannot be chosen */
  needs?: string | null
}

interface MenuProps {
  name: string
  items: MenuItem[]
  children: ComponentChildren
  onOpen?: () => void
  class?: string
  id?: string
  /** whether the button needs the menu's name, because it has no text of its own */
  label?: boolean
}

export function Menu({ name, items, children, onOpen, class: more, id, label }: MenuProps): JSX.Element {
  const open = useSignal(false)
  const box = useRef<HTMLSpanElement>(null)
  // Before the next key: it must not reach the map.
  useLayoutEffect(() => {
    if (!open.value) return
    box.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus()
    const away = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) open.value = false
    }
    addEventListener('pointerdown', away)
    return () => removeEventListener('pointerdown', away)
  }, [open.value])
  const close = (): void => {
    open.value = false
    box.current?.querySelector<HTMLElement>('button')?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const found = [...box.current!.querySelectorAll<HTMLElement>('[role=menuitem]')]
    const at = found.indexOf(document.activeElement as HTMLElement)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key]
    if (event.key === 'Tab') open.value = false
    else if (event.key === 'Escape') close()
    else if (to !== undefined) found[(to + found.length) % found.length]?.focus()
    else return
    if (event.key !== 'Tab') event.preventDefault()
  }
  return (
    <span class={`menu-box ${more ?? ''}`} ref={box}>
      <button
        type="button"
        id={id}
        class="button small"
        aria-label={label ? name : undefined}
        data-tip={label ? name : undefined}
        aria-haspopup="menu"
        aria-expanded={open.value}
        onClick={() => {
          if (!open.value) onOpen?.()
          open.value = !open.value
        }}
      >
        {children}
      </button>
      {open.value && (
        <div class="menu" role="menu" aria-label={name} onKeyDown={onKeyDown}>
          {items.map((item) => (
            <button
              type="button"
              role="menuitem"
              key={item.name}
              aria-disabled={item.needs != null}
              onClick={() => {
                if (item.needs != null) return
                open.value = false
                item.run()
              }}
            >
              {item.name}
              {item.needs != null && <small> {item.needs}</small>}
            </button>
          ))}
        </div>
      )}
    </span>
  )
}
