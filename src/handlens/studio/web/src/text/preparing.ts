// The progress of preparing, as text.

import type { Preparation, Source } from '../server/types'
import { photos as photosText } from './format'

/** The current step of preparing as text, and whether it counts photos. */
export function doing(of: Preparation, sources: Source[]): { what: string; counts: boolean } {
  const titles = (some: Source[]): string => some.map((s) => s.title).join(' and ')
  const current = sources.filter((s) => of.current_sources.includes(s.name))
  if (of.phase === 'fitting') return { what: `Learning from the first ${photosText(of.total)}`, counts: false }
  if (of.phase === 'reading' && of.done > 0) return { what: 'Reading the first photos, to learn from', counts: true }
  if (of.phase === 'reading') {
    if (sources.some((s) => s.name === 'auto')) return { what: 'Looking at some of the photos', counts: false }
    const waiting = sources.filter((s) => s.state === 'waiting')
    return { what: waiting.length > 0 ? `Getting ready: ${titles(waiting)}` : 'Getting ready', counts: false }
  }
  if (of.phase === 'predicting') return { what: 'Predicting with the fine-tuned model', counts: true }
  return { what: current.length > 0 ? `Computing features: ${titles(current)}` : 'Making thumbnails', counts: true }
}
