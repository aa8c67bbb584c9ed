/** A longer time without a frame is rest, not slowness: counting starts again after it. */
const PAUSE_MS = 500
/** Frames that the rate is averaged over. */
const FRAMES = 90

/** Frames per second, over the latest frames without a pause. */
export class FrameRate {
  private times: number[] = []

  /** A frame is drawn at `time`, in ms. */
  count(time: number): void {
    if (time - (this.times.at(-1) ?? time) > PAUSE_MS) this.times = []
    this.times.push(time)
    if (this.times.length > FRAMES) this.times.shift()
  }

  get perSecond(): number {
    const { times } = this
    const span = times.length > 1 ? times.at(-1)! - times[0]! : 0
    return span > 0 ? (1000 * (times.length - 1)) / span : 0
  }
}
