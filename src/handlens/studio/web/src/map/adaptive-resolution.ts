/** Shares of the full resolution at which frames in motion may be drawn. */
export const SHARES = [1, 0.8, 0.62, 0.5] as const

/** Frames slower than the first, in ms, lower the resolution; frames faster than the second raise it. */
const SLOW_MS = 29
const FAST_MS = 19
/** Frames before a decision; more before raising the resolution, so that it does not go up and down. */
const FRAMES_DOWN = 4
const FRAMES_UP = 60
/** The level to start from without a GPU. */
const SOFTWARE_LEVEL = 2
/** A longer pause is rest, not slowness. */
const REST_MS = 400

/** Chooses the resolution of frames in motion from how long the last ones took. */
export class AdaptiveResolution {
  private last = -Infinity
  private slow = 0
  private fast = 0
  /** doubled with each step down, so that a resolution that was too high is tried again less and less often */
  private patience = FRAMES_UP
  private level: number

  constructor(software = false) {
    this.level = software ? SOFTWARE_LEVEL : 0
  }

  /** Share of the full resolution to draw the next frame in motion with. */
  get share(): number {
    return SHARES[this.level]!
  }

  /** A frame in motion begins at `now`, in ms. */
  frame(now: number): void {
    const took = now - this.last
    this.last = now
    if (took > REST_MS) return
    // A slow frame weighs as much as it lasts: at five frames a second one is enough.
    this.slow = took > SLOW_MS ? this.slow + took / SLOW_MS : Math.max(0, this.slow - 1)
    this.fast = took < FAST_MS ? this.fast + 1 : 0
    if (this.slow >= FRAMES_DOWN) this.turn(1)
    else if (this.fast >= this.patience) this.turn(-1)
  }

  /** Motion ended. */
  rest(): void {
    this.last = -Infinity
  }

  private turn(by: number): void {
    this.level = Math.min(SHARES.length - 1, Math.max(0, this.level + by))
    if (by > 0) this.patience *= 2
    this.slow = 0
    this.fast = 0
  }
}
