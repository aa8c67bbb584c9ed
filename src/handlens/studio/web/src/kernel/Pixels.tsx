// An array of pixels as a canvas with one pixel each; the style sheet enlarges it.

import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

interface PixelsProps {
  width: number
  height: number
  rgba: Uint8ClampedArray<ArrayBuffer>
  /** what the pixels show, for screen readers */
  name: string
}

export function Pixels({ width, height, rgba, name }: PixelsProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => {
    canvas.current!.width = width
    canvas.current!.height = height
    canvas.current!.getContext('2d')!.putImageData(new ImageData(rgba, width, height), 0, 0)
  }, [width, height, rgba])
  return <canvas ref={canvas} class="pixels" role="img" aria-label={name} />
}
