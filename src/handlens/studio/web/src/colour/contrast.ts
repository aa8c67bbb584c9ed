// Contrast as WCAG 2 defines it.

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number]

export function rgb(hex: string): [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}

/** Relative luminance of an sRGB colour of bytes: 0 for black, 1 for white. */
export function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((byte) => {
    const c = byte / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

/** 1 for the same luminance to 21 for black on white; text wants 4.5, graphics and large text 3. */
export function contrast(a: Rgb, b: Rgb): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}
