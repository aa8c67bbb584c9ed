// The colours of the page, read from its style sheet.

import { rgb } from '../src/colour/contrast'
import type { Theme } from '../src/state/theme'
import css from '../src/styles/base.css?raw'

/** Every colour token of a theme as bytes: those of the dark page, which the light page replaces. */
export function pageColours(theme: Theme): Record<string, [number, number, number]> {
  const found = (selector: string): [string, [number, number, number]][] => {
    const start = css.indexOf(`${selector} {`)
    if (start < 0) throw new Error(`base.css has no rule for ${selector}`)
    const block = css.slice(start, css.indexOf('}', start))
    return [...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1]!, rgb(match[2]!)])
  }
  const dark = found(':root')
  return Object.fromEntries(theme === 'dark' ? dark : [...dark, ...found(':root[data-theme="light"]')])
}
