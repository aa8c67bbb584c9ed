// Ten colours for labels, for each theme: chosen by a search such that any two of them are as far apart as ten can be
// (CIEDE2000), for people who see all colours and for people with protanopia, deuteranopia or tritanopia, and that all
// stand out from the ground and from the ring of the selection. tests/palette.test.ts measures it. Labels store the
// index of their colour, so a colour can be replaced by another one, but never moved. Beyond ten the colours repeat with
// another pattern of the frame (map/label-frames.ts).

import type { Theme } from '../state/theme'
import { contrast, rgb } from './contrast'

export const COLOURS: Record<Theme, readonly string[]> = {
  dark: ['#27a4fb', '#fbeb46', '#cf2e6a', '#6f5ed0', '#35ffb1', '#ff8444', '#f0afd6', '#8e6d0c', '#acada0', '#1b7d71'],
  light: ['#077cff', '#aa7a00', '#a02407', '#9d19a1', '#004247', '#ed336a', '#332107', '#49794e', '#8a7e96', '#001160'],
}

export const colourOf = (index: number, theme: Theme): string => COLOURS[theme][index % COLOURS[theme].length]!

export const rgbOf = (index: number, theme: Theme): [number, number, number] => rgb(colourOf(index, theme))

/** Black or white, whichever reads better on the colour. */
export function inkOn(index: number, theme: Theme): '#000' | '#fff' {
  const ground = rgbOf(index, theme)
  return contrast(ground, [0, 0, 0]) >= contrast(ground, [255, 255, 255]) ? '#000' : '#fff'
}
