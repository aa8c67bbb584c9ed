// Arrays travel as base64 of little-endian bytes; selections as runs of ids or as bitmasks over them.

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

export function textOf(bytes: Uint8Array): string {
  let binary = ''
  // In pieces: String.fromCharCode takes its bytes as arguments, and engines limit how many.
  for (let i = 0; i < bytes.length; i += 8192) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 8192))
  }
  return btoa(binary)
}

export const int16s = (text: string): Int16Array => new Int16Array(bytesOf(text).buffer)
export const int32s = (text: string): Int32Array => new Int32Array(bytesOf(text).buffer)
export const float32s = (text: string): Float32Array => new Float32Array(bytesOf(text).buffer)

/** Texts that each end with a zero byte. */
export const textsOf = (bytes: ArrayBuffer): string[] => new TextDecoder().decode(bytes).split('\0').slice(0, -1)

/** What a selection begins with that is written as runs of ids. */
const RUNS = 'runs:'

/** Numbers of 7 bits a byte, the least significant first, with bit 7 set in all but the last byte. */
class Varints {
  private at = 0
  constructor(private readonly bytes: Uint8Array) {}

  next(): number {
    let value = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw new Error('The server sent numbers that end too early.')
      value += (byte & 127) * unit
      if (byte < 128) return value
    }
  }
}

/** Calls `each` with the first id and the length of every run of a selection of `count` photos. */
function runsOf(text: string, count: number, each: (first: number, length: number) => void): void {
  if (!text.startsWith(RUNS)) {
    const bytes = bytesOf(text)
    for (let i = 0; i < count; i++) if ((bytes[i >> 3]! >> (i & 7)) & 1) each(i, 1)
    return
  }
  const numbers = new Varints(bytesOf(text.slice(RUNS.length)))
  const heads = Array.from({ length: numbers.next() }, () => numbers.next())
  let at = 0
  for (const head of heads) {
    at += Math.floor(head / 2)
    const length = head % 2 ? numbers.next() + 2 : 1
    each(at, length)
    at += length
  }
}

/** The mask of a selection of `count` photos. */
export function unpackMask(text: string, count: number): Uint8Array {
  const mask = new Uint8Array(count)
  runsOf(text, count, (first, length) => mask.fill(1, first, first + length))
  return mask
}

/** The ids in a selection of `count` photos, ascending. */
export function unpackIds(text: string, count: number): Int32Array {
  const ids: number[] = []
  runsOf(text, count, (first, length) => {
    for (let id = first; id < Math.min(first + length, count); id++) ids.push(id)
  })
  return Int32Array.from(ids)
}

/** Numbers many of which are alike: runs of equal ones. */
export function unpackValues(text: string): Int32Array {
  const numbers = new Varints(bytesOf(text))
  const values = Array.from({ length: numbers.next() }, () => numbers.next() - 1)
  const lengths = values.map(() => numbers.next())
  const all = new Int32Array(lengths.reduce((n, length) => n + length, 0))
  let at = 0
  values.forEach((value, run) => {
    all.fill(value, at, at + lengths[run]!)
    at += lengths[run]!
  })
  return all
}

/** The server's form of a selection: runs of ids, or bit i % 8 of byte i // 8 for photo i, whichever is shorter. */
export function packMask(mask: Uint8Array): string {
  const most = Math.ceil(mask.length / 8)
  const heads: number[] = []
  const lengths: number[] = []
  let after = 0
  // A run takes a byte at least.
  for (let i = mask.indexOf(1); i >= 0 && heads.length < most; i = mask.indexOf(1, after)) {
    const skipped = i - after
    after = mask.indexOf(0, i)
    if (after < 0) after = mask.length
    heads.push(2 * skipped + (after - i > 1 ? 1 : 0))
    if (after - i > 1) lengths.push(after - i - 2)
  }
  const bytes: number[] = []
  for (let value of [heads.length, ...heads, ...lengths]) {
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128)
    bytes.push(value)
  }
  return bytes.length < most ? RUNS + textOf(Uint8Array.from(bytes)) : packBits(mask)
}

function packBits(mask: Uint8Array): string {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8))
  for (let i = 0; i < mask.length; i++) {
    if (mask[i]) bytes[i >> 3]! |= 1 << (i & 7)
  }
  return textOf(bytes)
}
