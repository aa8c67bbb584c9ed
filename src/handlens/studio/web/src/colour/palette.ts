// Ten colours for labels that differ under the common colour-vision deficiencies, and from the background
// they are drawn on. On the dark page they are those of Petroff 2021 ("Accessible Color Sequences for Data
// Visualization", arXiv:2107.02270; red and purple a little lighter, the two greys last); on the light page
// darker ones of about the same hues. Beyond ten the colours repeat with another pattern of the
// frame (map/label-frames.ts).

import type { Theme } from '../state/theme'
import { contrast, rgb } from './contrast'

export const COLOURS: Record<Theme, readonly string[]> = {
  dark: ['#3f90da', '#ffa90e', '#d1351c', '#9d55d4', '#92dadd', '#e76300', '#a96b59', '#b9ac70', '#94a4a2', '#717581'],
  light: ['#008ee7', '#ae5700', '#a30000', '#953ede', '#127d92', '#f0533f', '#8d464a', '#9c855f', '#7b8b9e', '#5b5c71'],
}

export const colourOf = (index: number, theme: Theme): string => COLOURS[theme][index % COLOURS[theme].length]!

export const rgbOf = (index: number, theme: Theme): [number, number, number] => rgb(colourOf(index, theme))

/** Black or white, whichever reads better on the colour. */
export function inkOn(index: number, theme: Theme): '#000' | '#fff' {
  const ground = rgbOf(index, theme)
  return contrast(ground, [0, 0, 0]) >= contrast(ground, [255, 255, 255]) ? '#000' : '#fff'
}
