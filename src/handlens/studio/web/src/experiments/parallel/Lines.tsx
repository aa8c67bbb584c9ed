// The lines of parallel coordinates, one for each run, on a canvas.

import type { JSX } from 'preact'
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { rgb } from '../../colour/contrast'
import { rampOf } from '../../colour/ramp'
import { type Theme, theme } from '../../state/theme'
import type { Size } from '../size'
import type { Axis } from './axes'
import { addLine, emptyField, type Field, type Ink, opacityOf, paint } from './density'
import { heightsOf, xOf } from './layout'

interface LinesProps {
  axes: readonly Axis[]
  /** of each run: 0 to 255, −1 without a value */
  tones: Int16Array
  /** of each run: whether it is drawn at all */
  there: Uint8Array
  /** of each run: whether it is in colour */
  chosen: Uint8Array
  size: Size
  name: string
}

/** Up to so many runs the lines are as fine as the screen, and thicker. */
const FEW = 1000

interface Drawn {
  all: Field
  chosen: Field
  /** of each run: whether it is in `chosen` */
  has: Uint8Array
}

export function Lines({ axes, tones, there, chosen, size, name }: LinesProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const count = there.reduce((sum, one) => sum + one, 0)
  const scale = count <= FEW ? Math.min(2, devicePixelRatio) : 1
  const [width, height] = [Math.floor(size.width * scale), Math.floor(size.height * scale)]
  const add = useMemo(() => adder(axes, tones, size, scale, count <= FEW ? 2 : 1), [axes, tones, size, scale, count])
  const drawn = useMemo<Drawn>(() => {
    const all = emptyField(width, height)
    for (let i = 0; i < tones.length; i++) if (there[i]) add(all, i, 1)
    return { all, chosen: emptyField(width, height), has: new Uint8Array(tones.length) }
  }, [add, there, width, height])
  const now = theme.value
  useLayoutEffect(() => {
    if (width === 0 || height === 0) return
    let colours = 0
    for (let i = 0; i < tones.length; i++) {
      const wanted = there[i] && chosen[i] && tones[i]! >= 0 ? 1 : 0
      colours += wanted
      if (wanted === drawn.has[i]) continue
      add(drawn.chosen, i, wanted ? 1 : -1)
      drawn.has[i] = wanted
    }
    const context = canvas.current!.getContext('2d')!
    const image = context.createImageData(width, height)
    paint(drawn.all, drawn.chosen, inkOf(now, colours, count), image.data)
    context.putImageData(image, 0, 0)
  }, [drawn, chosen, now, width, height])
  return <canvas ref={canvas} class="lines" width={width} height={height} role="img" aria-label={name} />
}

/** Adds the line of a run to a field, or takes it out. */
function adder(
  axes: readonly Axis[],
  tones: Int16Array,
  size: Size,
  scale: number,
  thickness: number,
): (field: Field, run: number, times: 1 | -1) => void {
  const xs = axes.map((_, a) => xOf(a, axes.length, size) * scale)
  const heights = heightsOf(axes, tones, size).map((y) => y * scale)
  return (field, run, times) => {
    const from = run * axes.length
    for (let a = 1; a < axes.length; a++) {
      for (let beside = 0; beside < thickness; beside++) {
        const [y0, y1] = [heights[from + a - 1]! + beside, heights[from + a]! + beside]
        addLine(field, xs[a - 1]!, y0, xs[a]!, y1, tones[run]!, times)
      }
    }
  }
}

const PLAIN: Record<Theme, string> = { dark: '#7d858e', light: '#757f89' }

function inkOf(of: Theme, chosen: number, count: number): Ink {
  const tones = new Uint8Array(3 * 256)
  for (let tone = 0; tone < 256; tone++) tones.set(rampOf(tone / 255, of), 3 * tone)
  return { tones, plain: rgb(PLAIN[of]), opacity: opacityOf(chosen), dimmed: 0.3 * opacityOf(count) }
}
