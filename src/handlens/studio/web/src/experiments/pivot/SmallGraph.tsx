// The small training graph of a cell: the curves of its runs, on the scale that all cells share.

import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { theme } from '../../state/theme'
import { figure } from '../scale'
import { bandOf, curvesOf, endsOf, type Frame } from '../state/curves'
import { curves, graphed } from '../state/study'

const HEIGHT = 52
/** More curves than this are drawn as a band with their median. */
const SEPARATE = 30
const EDGE = 3

/** How each number is drawn: the last of them, which is that of validation, as a full line. */
export const dashed = (at: number, of: number): boolean => at < of - 1

export function SmallGraph({ runs, frame }: { runs: readonly number[]; frame: Frame }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const numbers = graphed.value
  const all = curves.value
  const now = theme.value
  useLayoutEffect(() => {
    const draw = (): void =>
      drawOn(
        canvas.current!,
        numbers.map((number) => curvesOf(all, number, runs)),
        frame,
      )
    // Of a large table only what is seen is drawn.
    const watch = new IntersectionObserver(([entry]) => {
      if (!entry!.isIntersecting) return
      watch.disconnect()
      draw()
    })
    watch.observe(canvas.current!)
    let width = 0
    const resized = new ResizeObserver(([entry]) => {
      const now = entry!.contentRect.width
      if (width > 0 && now !== width) draw()
      width = now
    })
    resized.observe(canvas.current!)
    return () => {
      watch.disconnect()
      resized.disconnect()
    }
  }, [numbers, all, runs, frame, now])
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas without tabIndex takes no focus; its cell is named
    <canvas ref={canvas} class="small-graph" height={HEIGHT * 2} style={{ height: `${HEIGHT}px` }} aria-hidden="true" />
  )
}

/** The graph in words, for who does not see it. */
export function graphText(runs: readonly number[]): string {
  return graphed.value
    .map((number) => {
      const found = curvesOf(curves.value, number, runs)
      const ends = endsOf(found)
      if (ends === null) return `no curve of ${number}`
      return `${number} from ${figure(ends.first)} to ${figure(ends.last)} in ${ends.epochs} epochs`
    })
    .join(', ')
}

function drawOn(canvas: HTMLCanvasElement, numbers: readonly Float32Array[][], frame: Frame): void {
  const style = getComputedStyle(canvas)
  const width = canvas.clientWidth
  // This clears it, too.
  canvas.width = 2 * width
  const pen = canvas.getContext('2d')!
  pen.setTransform(2, 0, 0, 2, 0, 0)
  const x = (epoch: number): number => EDGE + (frame.epochs > 1 ? epoch / (frame.epochs - 1) : 0.5) * (width - 2 * EDGE)
  const y = (value: number): number =>
    HEIGHT - EDGE - Math.min(1.2, (value - frame.low) / (frame.high - frame.low)) * (HEIGHT - 2 * EDGE)
  pen.lineJoin = 'round'
  pen.lineCap = 'round'
  for (const [at, lines] of numbers.entries()) {
    const isDashed = dashed(at, numbers.length)
    pen.strokeStyle = style.getPropertyValue(isDashed ? '--warn' : '--text')
    pen.fillStyle = pen.strokeStyle
    pen.setLineDash(isDashed ? [3, 3] : [])
    if (lines.length > SEPARATE) {
      const band = bandOf(lines)
      pen.globalAlpha = 0.25
      fill(pen, band.low, band.high, x, y)
      pen.globalAlpha = 1
      pen.lineWidth = 1.4
      stroke(pen, band.middle, x, y)
    } else {
      pen.globalAlpha = lines.length > 8 ? 0.6 : 0.9
      pen.lineWidth = 1.2
      for (const line of lines) stroke(pen, line, x, y)
    }
  }
  pen.globalAlpha = 1
}

type Along = (value: number) => number

function stroke(pen: CanvasRenderingContext2D, line: ArrayLike<number>, x: Along, y: Along): void {
  pen.beginPath()
  let drawing = false
  for (let i = 0; i < line.length; i++) {
    if (!Number.isFinite(line[i])) {
      drawing = false
      continue
    }
    if (drawing) pen.lineTo(x(i), y(line[i]!))
    else {
      pen.moveTo(x(i), y(line[i]!))
      // A lone epoch is a point.
      pen.lineTo(x(i) + 0.01, y(line[i]!))
    }
    drawing = true
  }
  pen.stroke()
}

function fill(pen: CanvasRenderingContext2D, low: number[], high: number[], x: Along, y: Along): void {
  const epochs = low.flatMap((value, i) => (Number.isFinite(value) ? [i] : []))
  pen.beginPath()
  for (const i of epochs) pen.lineTo(x(i), y(high[i]!))
  for (const i of epochs.toReversed()) pen.lineTo(x(i), y(low[i]!))
  pen.fill()
}
