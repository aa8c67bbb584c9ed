import type { DrawOrder, DrawOrderInput } from './draw-order'
import { drawnAspect } from './geometry'
import { patternOf } from './label-frames'
import { APPEARING, FRAMED, HIDDEN, HOVERED, SELECTED } from './shaders'
import type { Place } from './texture-layout'

/**
 * Bytes of one vertex: from, to (2 floats each), aspect (float), tile (4 × uint16), colour (4 bytes), look (4 bytes).
 */
export const STRIDE = 36
/** The four corners repeat the data. Instanced drawing would avoid that, but without a GPU it is many times slower. */
export const QUAD = 4 * STRIDE
export const TILE_OFFSET = 20
export const COLOUR_OFFSET = 28
export const LOOK_OFFSET = 32

export interface QuadInput extends DrawOrderInput {
  /** [N, 2]: where each photo moves from */
  from: Float32Array
  aspect: Float32Array
  /** [N, 3], 0 to 255 */
  colours: Uint8Array
  /** where the picture of a photo stands in the texture array, or a blank one while it has not arrived */
  place(id: number): Place
  /** photos that are not drawn (yet), as their picture is part of what lies below them */
  isBelow(id: number): boolean
}

/**
 * The quads of one frame in drawing order: the hovered photo, the opaque ones topmost first, the faded ones lowest first.
 */
export class Quads {
  bytes = new Uint8Array(0)
  opaque = 1
  faded = 0
  private floats = new Float32Array(0)
  private shorts = new Uint16Array(0)
  private readonly slotOf: Int32Array
  private indices = new Uint32Array(0)

  constructor(count: number) {
    this.slotOf = new Int32Array(count).fill(-1)
  }

  get count(): number {
    return this.opaque + this.faded
  }

  /**
   * Indices of the triangles of the quads whose centre lies within (reachX, reachY) map units of `centre`, in drawing order.
   *
   * `ends` are the slots up to which to count quads; `counts` tells how many of those drawn lie before each of them.
   */
  inView(
    t: number,
    centre: readonly [number, number],
    reachX: number,
    reachY: number,
    ends: readonly number[],
  ): { indices: Uint32Array; counts: number[] } {
    const { floats, indices } = this
    const counts: number[] = []
    let quads = 0
    let slot = 0
    for (const end of ends) {
      for (; slot < end; slot++) {
        const word = slot * (QUAD / 4)
        const x = floats[word]! + (floats[word + 2]! - floats[word]!) * t - centre[0]
        const y = floats[word + 1]! + (floats[word + 3]! - floats[word + 1]!) * t - centre[1]
        if (x > reachX || -x > reachX || y > reachY || -y > reachY) continue
        const corner = 4 * slot
        const at = 6 * quads++
        indices[at] = corner
        indices[at + 1] = corner + 1
        indices[at + 2] = corner + 2
        indices[at + 3] = corner + 2
        indices[at + 4] = corner + 1
        indices[at + 5] = corner + 3
      }
      counts.push(quads)
    }
    return { indices: indices.subarray(0, 6 * quads), counts }
  }

  pack(order: DrawOrder, what: QuadInput): void {
    this.opaque = order.opaque.length + 1
    this.faded = order.faded.length
    const size = this.count * QUAD
    if (this.bytes.length < size) {
      const buffer = new ArrayBuffer(4 * Math.ceil((size * 1.25) / 4))
      this.bytes = new Uint8Array(buffer)
      this.floats = new Float32Array(buffer)
      this.shorts = new Uint16Array(buffer)
    }
    if (this.indices.length < 6 * this.count) this.indices = new Uint32Array(Math.ceil(7.5 * this.count))
    this.slotOf.fill(-1)
    let slot = 1
    for (const id of order.opaque) this.write(slot++, id, what)
    for (const id of order.faded) this.write(slot++, id, what)
    this.hover(-1, what)
  }

  /** Puts a photo, -1 for none, into the first slot, where it is drawn larger and above all. */
  hover(id: number, what: QuadInput): void {
    if (id < 0) {
      this.bytes[LOOK_OFFSET + 1] = HIDDEN
      this.repeat(0)
      return
    }
    const own = this.slotOf[id]!
    this.write(0, id, what)
    this.slotOf[id] = own
    this.bytes[LOOK_OFFSET + 1]! |= HOVERED
    this.repeat(0)
  }

  /** Rewrites where a photo's picture stands; gives its slot, -1 when it is not drawn. */
  replace(id: number, what: QuadInput): number {
    const slot = this.slotOf[id]!
    if (slot >= 0) this.write(slot, id, what)
    return slot
  }

  private write(slot: number, id: number, what: QuadInput): void {
    this.slotOf[id] = slot
    const byte = slot * QUAD
    const word = byte / 4
    const { from, positions } = what
    const { floats, bytes } = this
    const appearing = Number.isNaN(from[2 * id]!)
    const start = appearing ? positions : from
    floats[word] = start[2 * id]!
    floats[word + 1] = start[2 * id + 1]!
    floats[word + 2] = positions[2 * id]!
    floats[word + 3] = positions[2 * id + 1]!
    floats[word + 4] = drawnAspect(what.aspect[id]!)
    const mark = what.marks[id]!
    bytes[byte + COLOUR_OFFSET] = what.colours[3 * id]!
    bytes[byte + COLOUR_OFFSET + 1] = what.colours[3 * id + 1]!
    bytes[byte + COLOUR_OFFSET + 2] = what.colours[3 * id + 2]!
    bytes[byte + LOOK_OFFSET] = what.alpha ? Math.round(Math.min(1, what.alpha[id]!) * 255) : 255
    bytes[byte + LOOK_OFFSET + 1] =
      (what.selected[id] ? SELECTED : 0) |
      (mark >= 0 ? FRAMED : 0) |
      (appearing ? APPEARING : 0) |
      (what.isBelow(id) ? HIDDEN : 0)
    bytes[byte + LOOK_OFFSET + 2] = patternOf(mark)
    this.writePlace(slot, what.place(id))
  }

  private writePlace(slot: number, place: Place): void {
    const short = (slot * QUAD + TILE_OFFSET) / 2
    this.shorts[short] = place.x
    this.shorts[short + 1] = place.y
    this.shorts[short + 2] = place.layer
    this.shorts[short + 3] = place.side
    this.repeat(slot)
  }

  /** Copies a quad's first corner to its other three. */
  private repeat(slot: number): void {
    const start = (slot * QUAD) / 4
    for (let corner = 1; corner < 4; corner++) {
      this.floats.copyWithin(start + (corner * STRIDE) / 4, start, start + STRIDE / 4)
    }
  }
}
