// One tooltip for the page: shows `data-tip` and `data-key` of what is pointed at or focused.

import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'

interface Tip {
  text: string
  key: string
  x: number
  y: number
  above: boolean
}
const tip = signal<Tip | null>(null)

function show(event: Event): void {
  const of = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-tip]') : null
  if (!of || (event.type === 'focusin' && !of.matches(':focus-visible'))) {
    tip.value = null
    return
  }
  const box = of.getBoundingClientRect()
  const above = box.bottom + 40 > innerHeight
  tip.value = {
    text: of.dataset.tip ?? '',
    key: of.dataset.key ?? '',
    x: Math.min(Math.max(box.left + box.width / 2, 90), innerWidth - 90),
    y: above ? box.top - 8 : box.bottom + 8,
    above,
  }
}
const hide = (): void => {
  tip.value = null
}

export function Tooltip(): JSX.Element | null {
  useEffect(() => {
    const mouse = matchMedia('(hover: hover)').matches
    if (mouse) addEventListener('pointerover', show)
    addEventListener('focusin', show)
    addEventListener('focusout', hide)
    addEventListener('pointerdown', hide)
    addEventListener('keydown', hide)
    addEventListener('scroll', hide, true)
    return () => {
      removeEventListener('pointerover', show)
      removeEventListener('focusin', show)
      removeEventListener('focusout', hide)
      removeEventListener('pointerdown', hide)
      removeEventListener('keydown', hide)
      removeEventListener('scroll', hide, true)
    }
  }, [])
  const now = tip.value
  if (!now) return null
  // The same words are the control's accessible name, so the tooltip itself is not read.
  return (
    <div
      class={`tooltip ${now.above ? 'above' : ''}`}
      aria-hidden="true"
      style={{ left: `${now.x}px`, top: `${now.y}px` }}
    >
      {now.text} {now.key && <kbd>{now.key}</kbd>}
    </div>
  )
}
