// The picture with its movable window, and the output beside it at the same scale, pixel for pixel.

import type { ComponentChildren, JSX, TargetedPointerEvent } from 'preact'
import { useMemo } from 'preact/hooks'
import { isNarrow } from '../state/screen'
import type { Place } from './address'
import { SIDE } from './convolve'
import { Pixels } from './Pixels'
import { shaded } from './picture'
import { middle, moveTo, moveToOutput, output, picture, place, range, seen, shades, step, written } from './state'

export function KernelPictures(): JSX.Element {
  const from = seen.value!
  const to = output.value!
  const { black, white } = range.value!
  const rgba = useMemo(() => shaded(to, { black, white }), [to, black, white])
  const shape = { '--ratio': from.width / from.height }
  const { x, y } = middle.value
  return (
    <div class="kernel-pictures">
      <figure>
        <figcaption>
          <h2>Picture</h2> <span>{from.name}</span> <span>{`${from.width} × ${from.height}`}</span>
        </figcaption>
        <div class="frame" style={shape}>
          <Movable of={from} name="Picture: arrow keys move the window" onPlace={moveTo}>
            <Pixels width={from.width} height={from.height} rgba={from.rgba} name={picture.value!.name} />
            <Mark left={x - 1} top={y - 1} side={SIDE} of={from} />
          </Movable>
        </div>
        <p class="hint">
          {isNarrow.value
            ? 'Drag or tap.'
            : 'Drag the window, click, or use the arrow keys; with Shift, ten at a time.'}
        </p>
      </figure>
      <figure>
        <figcaption>
          <h2>Output</h2> <span>{`${to.width} × ${to.height}`}</span>
        </figcaption>
        <div class="frame" style={shape}>
          <Movable
            of={to}
            name="Output: arrow keys move the window"
            onPlace={moveToOutput}
            width={to.width / from.width}
          >
            <Pixels width={to.width} height={to.height} rgba={rgba} name="Output" />
            <Mark left={place.value.x} top={place.value.y} side={1} of={to} />
          </Movable>
        </div>
        <p class="hint">
          {black === white
            ? `Each output is ${written(black)}.`
            : shades.value === 'clipped'
              ? `${written(black)} and below is black, ${written(white)} and above is white.`
              : `The lowest, ${written(black)}, is black; the highest, ${written(white)}, is white.`}
        </p>
      </figure>
    </div>
  )
}

interface Size {
  width: number
  height: number
}

const WAYS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

interface MovableProps {
  of: Size
  name: string
  /** a pixel was pressed, or dragged to */
  onPlace: (at: Place) => void
  /** of the frame's */
  width?: number
  children: ComponentChildren
}

function Movable({ of, name, onPlace, width = 1, children }: MovableProps): JSX.Element {
  const follow = (event: TargetedPointerEvent<HTMLElement>): void => {
    const box = event.currentTarget.getBoundingClientRect()
    const pixel = (at: number, size: number, n: number): number =>
      Math.min(Math.max(Math.floor((at / size) * n), 0), n - 1)
    onPlace({
      x: pixel(event.clientX - box.left, box.width, of.width),
      y: pixel(event.clientY - box.top, box.height, of.height),
    })
  }
  return (
    <div
      class="movable"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: role="application" handles keys itself
      tabIndex={0}
      aria-label={name}
      style={{ width: `${width * 100}%` }}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        follow(event)
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) follow(event)
      }}
      onKeyDown={(event) => {
        const way = WAYS[event.key]
        if (!way || event.ctrlKey || event.metaKey || event.altKey) return
        event.preventDefault()
        const by = event.shiftKey ? 10 : 1
        step(way[0] * by, way[1] * by)
      }}
    >
      {children}
    </div>
  )
}

function Mark({ left, top, side, of }: { left: number; top: number; side: number; of: Size }): JSX.Element {
  const share = (pixels: number, n: number): string => `${(pixels / n) * 100}%`
  return (
    <i
      class="mark"
      aria-hidden="true"
      style={{
        left: share(left, of.width),
        top: share(top, of.height),
        width: share(side, of.width),
        height: share(side, of.height),
      }}
    />
  )
}
