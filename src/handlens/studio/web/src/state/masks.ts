// A selection is a mask by id (0 or 1), so that it means the same in every layer and projection.

import type { SelectMode } from '../map/types'

/** The selection after `picked` replaces it, is added to it, or is taken from it. */
export function combine(current: Uint8Array, picked: Uint8Array, mode: SelectMode): Uint8Array {
  const next = new Uint8Array(current.length)
  for (let i = 0; i < next.length; i++) {
    const was = current[i] ?? 0
    const is = picked[i] ?? 0
    next[i] = mode === 'replace' ? is : mode === 'add' ? was | is : was & (1 - is)
  }
  return next
}

export function maskOf(ids: Iterable<number>, count: number): Uint8Array {
  const mask = new Uint8Array(count)
  for (const id of ids) mask[id] = 1
  return mask
}

export function idsOf(mask: Uint8Array): number[] {
  const ids: number[] = []
  for (let i = 0; i < mask.length; i++) if (mask[i]) ids.push(i)
  return ids
}

export function countOf(mask: Uint8Array): number {
  let n = 0
  for (let i = 0; i < mask.length; i++) n += mask[i]!
  return n
}

/** The mask with the given ids turned on or off. */
export function turned(mask: Uint8Array, ids: Iterable<number>, on: boolean): Uint8Array {
  const next = mask.slice()
  for (const id of ids) next[id] = on ? 1 : 0
  return next
}

/**
 * The random sample shown: the first `shown` photos in prepare order, which is itself a seeded
 * random permutation. So a larger sample contains the smaller one, and it is the same next time.
 * With `among`, only these photos are drawn from.
 */
export function sample(
  order: Int32Array,
  shown: number | 'all',
  count: number,
  among: Uint8Array | null = null,
): Uint8Array {
  if (shown === 'all') return among ?? new Uint8Array(count).fill(1)
  return maskOf((among ? order.filter((id) => among[id]) : order).subarray(0, shown), count)
}
