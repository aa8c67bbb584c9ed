/** Times in ms after which a picture that failed to load is asked for again. */
const RETRIES = [400, 1500, 5000, 15000]

/** Fetches and decodes the picture at `url`, null where there is nothing to see; throws when the answer is not a picture. */
export async function fetchPicture(url: string, signal: AbortSignal, side?: number): Promise<ImageBitmap | null> {
  const answer = await fetch(url, { signal })
  if (!answer.ok) throw new Error(`the server answered ${answer.status} for ${url}`)
  if (answer.status === 204) return null
  if (answer.status === 205) throw new Error(`there is another map by now than that of ${url}`)
  const options: ImageBitmapOptions = { premultiplyAlpha: 'none' }
  if (side) Object.assign(options, { resizeWidth: side, resizeHeight: side, resizeQuality: 'medium' })
  return createImageBitmap(await answer.blob(), options)
}

/** Runs jobs a few at a time; a failed one is tried again later, up to four times. */
export class FetchQueue<Key> {
  private waiting: { key: Key; attempt: number }[] = []
  private readonly running = new Set<Key>()
  private readonly resting = new Map<Key, ReturnType<typeof setTimeout>>()
  private readonly stopping = new AbortController()

  constructor(
    private readonly atOnce: number,
    private readonly job: (key: Key, signal: AbortSignal) => Promise<void>,
    private readonly retries: readonly number[] = RETRIES,
  ) {}

  has(key: Key): boolean {
    return this.running.has(key) || this.resting.has(key) || this.waiting.some((item) => item.key === key)
  }

  /** Whether the job has begun, or failed and is to be tried again. */
  isRunning(key: Key): boolean {
    return this.running.has(key) || this.resting.has(key)
  }

  add(key: Key): void {
    if (this.has(key)) return
    this.waiting.push({ key, attempt: 0 })
    this.next()
  }

  /** Replaces all jobs that have not started by `keys`, the most wanted first. */
  want(keys: Key[]): void {
    this.waiting = keys
      .filter((key) => !this.running.has(key) && !this.resting.has(key))
      .map((key) => ({ key, attempt: 0 }))
    this.next()
  }

  stop(): void {
    this.waiting = []
    this.stopping.abort()
    for (const timer of this.resting.values()) clearTimeout(timer)
    this.resting.clear()
  }

  private next(): void {
    while (this.running.size < this.atOnce && this.waiting.length > 0) void this.run(this.waiting.shift()!)
  }

  private async run({ key, attempt }: { key: Key; attempt: number }): Promise<void> {
    this.running.add(key)
    let failed = false
    try {
      await this.job(key, this.stopping.signal)
    } catch {
      failed = true
    }
    this.running.delete(key)
    if (this.stopping.signal.aborted) return
    const rest = this.retries[attempt]
    if (failed && rest !== undefined) {
      const timer = setTimeout(() => {
        this.resting.delete(key)
        this.waiting.push({ key, attempt: attempt + 1 })
        this.next()
      }, rest)
      this.resting.set(key, timer)
    }
    this.next()
  }
}
