// Kernels to start from, with their numbers as text.

export interface Preset {
  id: string
  name: string
  numbers: readonly string[]
}

const preset = (id: string, name: string, rows: string): Preset => ({ id, name, numbers: rows.trim().split(/\s+/) })

export const PRESETS: readonly Preset[] = [
  // The lesson's, [[0, −5/3, 1], [−5/3, −5/3, 1], [1, 1, 1]] / 6.
  preset('bottom-right-edge', 'Bottom right edge', '0 -5/18 1/6  -5/18 -5/18 1/6  1/6 1/6 1/6'),
  preset('top-edge', 'Top edge', '1 2 1  0 0 0  -1 -2 -1'),
  preset('bottom-edge', 'Bottom edge', '-1 -2 -1  0 0 0  1 2 1'),
  preset('left-edge', 'Left edge', '1 0 -1  2 0 -2  1 0 -1'),
  preset('right-edge', 'Right edge', '-1 0 1  -2 0 2  -1 0 1'),
  preset('outline', 'Outline', '-1 -1 -1  -1 8 -1  -1 -1 -1'),
  preset('emboss', 'Emboss', '-2 -1 0  -1 1 1  0 1 2'),
  preset('sharpen', 'Sharpen', '0 -1 0  -1 5 -1  0 -1 0'),
  preset('blur', 'Blur', '1/16 1/8 1/16  1/8 1/4 1/8  1/16 1/8 1/16'),
  preset('identity', 'Identity', '0 0 0  0 1 0  0 0 0'),
]

/** No kernel needs more, and sums stay readable. */
const MOST = 1000

/** The value of a number such as −0.5 or a fraction such as −5/18; null where it is neither. */
export function parseNumber(text: string): number | null {
  const match = /^([+−-]?)(\d*\.?\d+|\d+\.)(?:\/(\d*\.?\d+))?$/.exec(text.replace(/\s+/g, ''))
  if (!match) return null
  const size = Number(match[2]) / Number(match[3] ?? 1)
  if (!(size <= MOST)) return null
  return match[1] === '' || match[1] === '+' || size === 0 ? size : -size
}
