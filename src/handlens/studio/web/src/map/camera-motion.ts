import { between } from './camera'
import { ease } from './transition'
import type { Camera } from './types'

const FLIGHT_MS = 220

/** The camera as it is now, and its flight to where it was sent. */
export class CameraMotion {
  now: Camera = { x: 0, y: 0, zoom: 1 }
  private flight: { from: Camera; to: Camera; start: number } | null = null

  get flying(): boolean {
    return this.flight !== null
  }

  /** Where the camera is, or where its flight ends. */
  get target(): Camera {
    return this.flight?.to ?? this.now
  }

  jump(to: Camera): void {
    this.flight = null
    this.now = to
  }

  fly(to: Camera, start: number): void {
    this.flight = { from: this.now, to, start }
  }

  /** Moves along the flight, if there is one; says whether it has just ended. */
  advance(time: number): boolean {
    if (!this.flight) return false
    const t = ease((time - this.flight.start) / FLIGHT_MS)
    this.now = between(this.flight.from, this.flight.to, t)
    if (t < 1) return false
    this.flight = null
    return true
  }
}
