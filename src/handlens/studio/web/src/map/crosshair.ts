import { clamp } from './camera'
import type { Viewport } from './types'

/** CSS pixels that an arrow key moves the crosshair, alone and with Shift. */
const STEP = 16
const LEAP = 80

const DIRECTIONS: Record<string, [x: number, y: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/**
 * What a key did: moved the crosshair (by how much it would have left the view), set the first corner of a box, closed
 * the box, pressed on the photo under the crosshair, dropped the corner, or put the crosshair away.
 */
export type CrosshairAct =
  | { did: 'move'; overX: number; overY: number }
  | { did: 'corner' | 'close' | 'press' | 'drop' | 'leave' }

/** A pointer moved by keys, in CSS pixels from the view's top left corner, for people without a mouse. */
export class Crosshair {
  /** null while it is put away */
  at: [x: number, y: number] | null = null
  private hasCorner = false

  /** What the key does with it; null if nothing: then it is somebody else's. */
  key(key: string, shift: boolean, view: Viewport): CrosshairAct | null {
    const direction = DIRECTIONS[key]
    if (direction) return this.move(direction, shift ? LEAP : STEP, view)
    if (!this.at) return null
    if (key === 'Escape') {
      if (this.hasCorner) return this.corner(false, 'drop')
      this.at = null
      return { did: 'leave' }
    }
    if (key === ' ') return this.hasCorner ? this.corner(false, 'close') : this.corner(true, 'corner')
    if (key === 'Enter') return this.hasCorner ? this.corner(false, 'close') : { did: 'press' }
    return null
  }

  /** Puts it away, e.g. because the person takes the mouse. */
  leave(): void {
    this.at = null
    this.hasCorner = false
  }

  private corner(has: boolean, did: 'corner' | 'close' | 'drop'): CrosshairAct {
    this.hasCorner = has
    return { did }
  }

  private move([x, y]: [number, number], step: number, view: Viewport): CrosshairAct {
    // The first key shows it, in the middle.
    if (!this.at) {
      this.at = [view.width / 2, view.height / 2]
      return { did: 'move', overX: 0, overY: 0 }
    }
    const wanted: [number, number] = [this.at[0] + x * step, this.at[1] + y * step]
    this.at = [clamp(wanted[0], 0, view.width), clamp(wanted[1], 0, view.height)]
    return { did: 'move', overX: wanted[0] - this.at[0], overY: wanted[1] - this.at[1] }
  }
}
