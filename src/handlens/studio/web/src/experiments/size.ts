// The size of an element, kept up to date.

import type { RefObject } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface Size {
  readonly width: number
  readonly height: number
}

/** A reference for the element, and its size inside; 0 × 0 until it is on the page. */
export function useSize<E extends HTMLElement>(): [RefObject<E | null>, Size] {
  const element = useRef<E>(null)
  const [size, setSize] = useState<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const look = (): void => setSize({ width: element.current!.clientWidth, height: element.current!.clientHeight })
    look()
    const watch = new ResizeObserver(look)
    watch.observe(element.current!)
    return () => watch.disconnect()
  }, [])
  return [element, size]
}
