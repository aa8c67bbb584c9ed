/** What decides which photos are drawn, and which lie on top. */
export interface DrawOrderInput {
  /** id at each row of the prepare order */
  order: Int32Array
  /** [N, 2], NaN where a photo has no place */
  positions: Float32Array
  shown: Uint8Array
  selected: Uint8Array
  marks: Int16Array
  alpha: Float32Array | null
}

export interface DrawOrder {
  /** ids of opaque photos, topmost first, the selected before all others */
  opaque: Int32Array
  /** how many of them are selected */
  selected: number
  /** ids of transparent photos, which lie below all opaque ones, lowest first */
  faded: Int32Array
}

/** The order of drawing: selected photos on top, never faded, then labelled ones, then the rest; faded ones below in the same order. */
export function drawOrder(standing: DrawOrderInput): DrawOrder {
  const { order, positions, shown, selected, marks, alpha } = standing
  const tiers: number[][] = [[], [], []]
  const fadedTiers: number[][] = [[], [], []]
  for (let row = 0; row < order.length; row++) {
    const id = order[row]!
    if (!shown[id] || !Number.isFinite(positions[2 * id]! + positions[2 * id + 1]!)) continue
    const tier = selected[id] ? 0 : marks[id]! >= 0 ? 1 : 2
    const opacity = alpha ? alpha[id]! : 1
    if (tier === 0 || opacity >= 0.999) tiers[tier]!.push(id)
    else if (opacity > 0) fadedTiers[tier]!.push(id)
  }
  return {
    opaque: Int32Array.from(tiers.flat()),
    selected: tiers[0]!.length,
    faded: Int32Array.from(fadedTiers.flat()).reverse(),
  }
}

/**
 * The topmost photo at a point of the map, -1 for none.
 *
 * `half(id)` gives its half width and half height in map units.
 */
export function topmostAt(
  { opaque, faded }: DrawOrder,
  positions: Float32Array,
  half: (id: number) => [number, number],
  x: number,
  y: number,
): number {
  const hit = (id: number) => {
    const [width, height] = half(id)
    return Math.abs(positions[2 * id]! - x) <= width && Math.abs(positions[2 * id + 1]! - y) <= height
  }
  for (let i = 0; i < opaque.length; i++) if (hit(opaque[i]!)) return opaque[i]!
  for (let i = faded.length - 1; i >= 0; i--) if (hit(faded[i]!)) return faded[i]!
  return -1
}
