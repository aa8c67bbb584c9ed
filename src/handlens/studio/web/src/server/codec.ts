// Arrays travel as base64 of little-endian bytes; selections as bitmasks over ids.

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

/** The mask of a selection of `count` photos. */
export function unpackMask(text: string, count: number): Uint8Array {
  const bytes = bytesOf(text)
  return Uint8Array.from({ length: count }, (_, i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1)
}

/** The server's form of a selection: bit i % 8 of byte i // 8 is photo i. */
export function packMask(mask: Uint8Array): string {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8))
  for (let i = 0; i < mask.length; i++) {
    if (mask[i]) bytes[i >> 3]! |= 1 << (i & 7)
  }
  return textOf(bytes)
}
