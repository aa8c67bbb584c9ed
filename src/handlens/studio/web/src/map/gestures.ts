import type { SelectMode, Tool } from './types'

/** What the pointer did; coordinates are CSS pixels from the element's top left corner. */
export interface GestureHandlers {
  tool(): Tool
  pan(dx: number, dy: number): void
  zoom(factor: number, x: number, y: number): void
  strokeStart(x: number, y: number, mode: SelectMode): void
  strokeMove(x: number, y: number): void
  strokeEnd(): void
  strokeCancel(): void
  click(x: number, y: number, mode: SelectMode): void
  doubleClick(x: number, y: number): void
  hover(x: number, y: number): void
  leave(): void
  grabbing(on: boolean): void
}

/** A press that moves no further than this is a click; fingers are less steady. */
const STILL = { mouse: 4, touch: 10 }
const DOUBLE_CLICK_MS = 350
const WHEEL_LINE = 16
const WHEEL_PAGE = 400

/** Zoom factor of a wheel event: about 1.2 a notch, finer for a pinch on a trackpad, which comes as ctrl + wheel. */
export function wheelFactor(event: { deltaY: number; deltaMode: number; ctrlKey: boolean }): number {
  const unit = event.deltaMode === 1 ? WHEEL_LINE : event.deltaMode === 2 ? WHEEL_PAGE : 1
  const pixels = Math.max(-300, Math.min(300, event.deltaY * unit))
  return Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0018))
}

export function modeOf(event: { shiftKey: boolean; altKey: boolean }): SelectMode {
  return event.altKey ? 'remove' : event.shiftKey ? 'add' : 'replace'
}

interface Finger {
  x: number
  y: number
}

/** Turns pointer, wheel and touch events of an element into gestures; `stop` takes all listeners off. */
export class Gestures {
  private readonly fingers = new Map<number, Finger>()
  private doing: 'nothing' | 'press' | 'pan' | 'stroke' | 'pinch' = 'nothing'
  private start: Finger = { x: 0, y: 0 }
  private mode: SelectMode = 'replace'
  private panning = false
  private lastClick = { time: -Infinity, x: 0, y: 0 }
  private readonly stopping = new AbortController()

  constructor(
    private readonly element: HTMLElement,
    private readonly on: GestureHandlers,
  ) {
    const { signal } = this.stopping
    element.addEventListener('pointerdown', (event) => this.down(event), { signal })
    element.addEventListener('pointermove', (event) => this.move(event), { signal })
    element.addEventListener('pointerup', (event) => this.up(event), { signal })
    element.addEventListener('pointercancel', (event) => this.cancel(event), { signal })
    element.addEventListener('pointerleave', () => this.on.leave(), { signal })
    element.addEventListener('wheel', (event) => this.wheel(event), { signal, passive: false })
    element.addEventListener('contextmenu', (event) => event.preventDefault(), { signal })
    // Before the page's own keys, so that Escape only lets go of the stroke.
    window.addEventListener('keydown', (event) => this.key(event), { signal, capture: true })
  }

  stop(): void {
    this.stopping.abort()
  }

  private at(event: MouseEvent): Finger {
    const box = this.element.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }

  private down(event: PointerEvent): void {
    if (this.fingers.size >= 2) return
    this.element.setPointerCapture(event.pointerId)
    const finger = this.at(event)
    this.fingers.set(event.pointerId, finger)
    if (this.fingers.size === 2) {
      if (this.doing === 'stroke') this.on.strokeCancel()
      this.on.grabbing(false)
      this.doing = 'pinch'
      return
    }
    this.start = finger
    this.mode = modeOf(event)
    // The middle and right buttons move the map whatever the tool.
    this.panning = this.on.tool() === 'pan' || event.button === 1 || event.button === 2
    if (event.button === 1) event.preventDefault()
    this.doing = 'press'
  }

  private move(event: PointerEvent): void {
    const finger = this.at(event)
    const before = this.fingers.get(event.pointerId)
    if (!before) {
      if (this.fingers.size === 0 && event.pointerType !== 'touch') this.on.hover(finger.x, finger.y)
      return
    }
    if (this.doing === 'pinch') {
      const [a, b] = [...this.fingers.values()] as [Finger, Finger]
      const apart = Math.hypot(a.x - b.x, a.y - b.y)
      const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
      before.x = finger.x
      before.y = finger.y
      const now = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
      this.on.pan(now.x - middle.x, now.y - middle.y)
      if (apart > 1) this.on.zoom(Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) / apart, now.x, now.y)
      return
    }
    if (this.doing === 'press') {
      const still = event.pointerType === 'touch' ? STILL.touch : STILL.mouse
      if (Math.hypot(finger.x - this.start.x, finger.y - this.start.y) < still) return
      this.doing = this.panning ? 'pan' : 'stroke'
      if (this.doing === 'stroke') {
        this.on.leave()
        this.on.strokeStart(this.start.x, this.start.y, this.mode)
      } else this.on.grabbing(true)
    }
    if (this.doing === 'pan') this.on.pan(finger.x - before.x, finger.y - before.y)
    if (this.doing === 'stroke') {
      for (const each of event.getCoalescedEvents?.() ?? []) {
        const { x, y } = this.at(each)
        this.on.strokeMove(x, y)
      }
      this.on.strokeMove(finger.x, finger.y)
    }
    before.x = finger.x
    before.y = finger.y
  }

  private up(event: PointerEvent): void {
    if (!this.fingers.delete(event.pointerId)) return
    if (this.doing === 'pinch') {
      // The finger left on the map goes on moving it.
      if (this.fingers.size === 1) {
        this.doing = 'pan'
        return
      }
    } else if (this.doing === 'stroke') this.on.strokeEnd()
    else if (this.doing === 'press' && event.button === 0) this.click(event)
    this.on.grabbing(false)
    this.doing = 'nothing'
  }

  private click(event: PointerEvent): void {
    const { x, y } = this.start
    const last = this.lastClick
    const again = event.timeStamp - last.time < DOUBLE_CLICK_MS && Math.hypot(x - last.x, y - last.y) < 2 * STILL.touch
    this.lastClick = { time: again ? -Infinity : event.timeStamp, x, y }
    if (again && this.mode === 'replace') this.on.doubleClick(x, y)
    else this.on.click(x, y, this.mode)
  }

  private cancel(event: PointerEvent): void {
    if (!this.fingers.delete(event.pointerId)) return
    if (this.doing === 'stroke') this.on.strokeCancel()
    this.on.grabbing(false)
    this.doing = this.fingers.size > 0 ? 'pan' : 'nothing'
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault()
    const { x, y } = this.at(event)
    this.on.zoom(wheelFactor(event), x, y)
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || this.doing !== 'stroke') return
    event.stopPropagation()
    event.preventDefault()
    this.on.strokeCancel()
    // What is left of the drag does nothing.
    this.fingers.clear()
    this.doing = 'nothing'
  }
}
