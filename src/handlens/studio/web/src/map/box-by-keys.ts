import { panned } from './camera'
import { Crosshair } from './crosshair'
import { modeOf } from './gestures'
import type { Stage } from './stage'
import type { Stroke } from './stroke'
import type { SelectMode } from './types'

export type Key = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'altKey' | 'ctrlKey' | 'metaKey'>

/** What the keys did with the crosshair. */
export interface BoxEvents {
  /** The view moved along. */
  panned(): void
  /** The box has its first corner, or another size. */
  drawn(polygon: number[]): void
  closed(polygon: number[], mode: SelectMode): void
  /** A photo was asked for, in CSS pixels. */
  pressed(x: number, y: number, mode: SelectMode): void
}

/** A crosshair that the arrow keys move, with which boxes are drawn and photos picked. */
export class BoxByKeys {
  readonly cross = document.createElement('div')
  private readonly crosshair = new Crosshair()

  constructor(
    private readonly stage: Stage,
    private readonly stroke: Stroke,
    private readonly events: BoxEvents,
  ) {
    this.cross.className = 'crosshair'
    this.cross.hidden = true
  }

  /** A key was pressed; says whether it was for the crosshair. */
  key(event: Key): boolean {
    const { motion, view } = this.stage
    if (event.ctrlKey || event.metaKey) return false
    const act = this.crosshair.key(event.key, event.shiftKey, view)
    if (!act) return false
    const [x, y] = this.crosshair.at ?? [0, 0]
    if (act.did === 'move') {
      if (act.overX || act.overY) {
        motion.jump(panned(motion.now, view, -act.overX, -act.overY))
        this.events.panned()
      }
      if (this.stroke.drawing) this.stroke.extend(motion.now, view, x, y)
    } else if (act.did === 'corner') {
      this.stroke.begin('box', 'replace', motion.now, view, x, y)
    } else if (act.did === 'close') {
      this.events.closed(this.stroke.end().polygon, modeOf(event))
    } else if (act.did === 'press') {
      this.events.pressed(x, y, modeOf(event))
    } else {
      this.stroke.cancel()
    }
    if (this.stroke.drawing) {
      this.stroke.draw(motion.now, view)
      this.events.drawn(this.stroke.polygon)
    }
    this.show()
    return true
  }

  /** Puts the crosshair and an unfinished box away. */
  leave(): void {
    this.crosshair.leave()
    this.stroke.cancel()
    this.show()
  }

  private show(): void {
    const { at } = this.crosshair
    this.cross.hidden = at === null
    if (at) this.cross.style.translate = `${at[0]}px ${at[1]}px`
  }
}
