// What a component shows, without a browser: its elements, with components called.

import type { ComponentChildren, VNode } from 'preact'

type Element = VNode<Record<string, unknown> & { children?: ComponentChildren }>

/** Every element below, outermost first; components must not use hooks. */
export function elementsOf(node: ComponentChildren): Element[] {
  if (Array.isArray(node)) return node.flatMap(elementsOf)
  if (node === null || typeof node !== 'object') return []
  const element = node as Element
  if (typeof element.type === 'function') return elementsOf((element.type as (props: unknown) => VNode)(element.props))
  return [element, ...elementsOf(element.props.children)]
}

/** The text below. */
export function textOf(node: ComponentChildren): string {
  if (Array.isArray(node)) return node.map(textOf).join('')
  if (node === null || node === undefined || typeof node === 'boolean') return ''
  if (typeof node !== 'object') return String(node)
  const element = node as Element
  if (typeof element.type === 'function') return textOf((element.type as (props: unknown) => VNode)(element.props))
  return textOf(element.props.children)
}
