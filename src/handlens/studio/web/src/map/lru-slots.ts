/** A fixed number of slots for photos; the least recently wanted photo gives up its slot. */
export class LruSlots {
  private readonly slotOf = new Map<number, number>() // oldest first: a Map keeps the order of insertion
  private readonly free: number[] = []

  constructor(readonly size: number) {
    for (let slot = size - 1; slot >= 0; slot--) this.free.push(slot)
  }

  get(id: number): number | undefined {
    return this.slotOf.get(id)
  }

  /** Marks a photo as wanted now, so that others go first. */
  touch(id: number): void {
    const slot = this.slotOf.get(id)
    if (slot === undefined) return
    this.slotOf.delete(id)
    this.slotOf.set(id, slot)
  }

  /** A slot for `id`, and the photo that lost it, -1 for none. */
  take(id: number): { slot: number; evicted: number } {
    const had = this.slotOf.get(id)
    if (had !== undefined) {
      this.touch(id)
      return { slot: had, evicted: -1 }
    }
    let slot = this.free.pop()
    let evicted = -1
    if (slot === undefined) {
      const [oldest, its] = this.slotOf.entries().next().value as [number, number]
      this.slotOf.delete(oldest)
      evicted = oldest
      slot = its
    }
    this.slotOf.set(id, slot)
    return { slot, evicted }
  }
}
