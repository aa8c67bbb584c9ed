// What the collection in the form will cost, asked for a moment after the form has changed.

import { computed, effect } from '@preact/signals'
import { home } from '../../server/api'
import type { CostRequest } from '../../server/types'
import { owned } from '../../state/owned'
import { files, from, missing, path, wantedSources } from './draft'

/** Milliseconds without a change after which the server is asked. */
export const PAUSE = 600

const [cost, setCost] = owned<{ text: string; fits: boolean } | null>(null)

export { cost }

/** What is to be asked; null while something is missing in the form. */
const question = computed<CostRequest | null>(() => {
  if (missing.value !== null || from.value === 'builtin') return null
  const { backbones, own_features } = wantedSources()
  const sent = from.value === 'files' ? files.value : []
  return {
    path: from.value === 'path' ? path.value.trim() : null,
    photos: sent.length,
    bytes: sent.reduce((sum, { file }) => sum + file.size, 0),
    backbones,
    own_features,
  }
})

/** Keeps `cost` up to date until the function that it returns is called. */
export function followCost(): () => void {
  let latest = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const forget = (): number => {
    clearTimeout(timer)
    latest += 1
    return latest
  }
  const stop = effect(() => {
    const wanted = question.value
    const mine = forget()
    setCost(null)
    if (wanted === null) return
    timer = setTimeout(async () => {
      const found = await home.cost(wanted).catch(() => null)
      if (mine === latest) setCost(found)
    }, PAUSE)
  })
  return () => {
    forget()
    stop()
  }
}
