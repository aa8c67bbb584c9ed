// How well each map tells the labels apart, and the search for the one that does it best.

import type { Scores } from '../server/types'
import { percent } from '../text/format'
import { api, layers, replaceCollection, titleOf } from './collection'
import { labels, picked } from './labels'
import { type Doing, goTo, loadMap, separated, takesLong } from './maps'
import { announce, attempt, say } from './messages'
import { owned } from './owned'

const [scores, setScores] = owned<Scores | null>(null)
const [separating, setSeparating] = owned(false)
/** How far the search is that this page or another one started. */
const [separatingDone, setSeparatingDone] = owned<Doing | null>(null)

export { scores, separating, separatingDone }

/** Takes the server's report on a search, which is shown where it takes longer than a moment. */
export const searched = (doing: Doing): void => setSeparatingDone(takesLong(doing) ? doing : null)

let isCancelled = false
export async function cancelSeparating(): Promise<void> {
  isCancelled = true
  isCancelled = await attempt(() => api.cancelSeparating())
}

/** Asks for the scores of the labels as they are now. */
export async function loadScores(): Promise<void> {
  if (labels.value.names.filter((l) => l.count > 1).length < 2) return setScores(null)
  // Scores are optional: without them the light table only lacks its numbers.
  await api.scores().then(setScores, () => undefined)
}

/** The labels to separate: the ones picked, or all when exactly two exist. */
export function toSeparate(): string[] {
  const all = labels.value.names.map((l) => l.name)
  if (picked.value.size >= 2) return all.filter((name) => picked.value.has(name))
  return all.length === 2 ? all : []
}

export async function separate(): Promise<void> {
  const names = toSeparate()
  if (names.length < 2) {
    say('Pick two or more labels first, then separate them.')
    return
  }
  await attempt(async () => {
    setSeparating(true)
    isCancelled = false
    try {
      const best = await api.separate(names).catch((error: unknown) => {
        if (isCancelled) return null
        throw error
      })
      if (!best) return announce('The search was cancelled')
      separated()
      replaceCollection(await api.state())
      const found = layers.value.find((l) => l.id === best.layer)
      const at = found ? titleOf(found) : best.layer
      goTo(best.layer, best.projection)
      await loadMap()
      const well =
        best.score === null ? '' : ` Of their photos that were held out, that layer gets ${percent(best.score)} right.`
      say(`${names.join(' and ')} are farthest apart in ${at}.${well}`)
    } finally {
      setSeparating(false)
    }
  }, 'Could not separate: ')
}
