// Searches of all photos of the shards that the collection stands on. What is found joins the collection; the page then
// starts afresh, with the found photos selected and in the review, and everything else as it was.

import { computed } from '@preact/signals'
import type { FoundEverywhere, Gesture } from '../server/types'
import { number, photos as photosText } from '../text/format'
import { api, collection, count } from './collection'
import { keepFound } from './kept-selection'
import { mapView } from './map-view'
import type { Doing } from './maps'
import { maskOf } from './masks'
import { attempt, say } from './messages'
import { owned } from './owned'
import { openReview } from './review'
import { replaceSelection, selected, selectedCount } from './selection'
import { layer, setShown, shown } from './view'

/** Photos that are added for those in view. */
const CLOSER = 200
/** Photos that a search of all shows. */
const FOUND = 96

export const shards = computed(() => collection.value?.shards ?? null)
/** Whether there are photos that are not in the collection. */
export const hasMore = computed(() => shards.value !== null && shards.value.total > count.value)
/** How far a search of all photos is; null while there is none. */
const [looking, setLooking] = owned<Doing | null>(null)

export { looking }

/** What the collection is of all photos, as a text; "" if it has all of them. */
export const sampleText = computed(() => {
  const of = shards.value
  if (!of || of.sampled >= of.total) return ''
  const others = count.value - of.sampled
  const more = others > 0 ? ` and ${number(others)} more` : ''
  return `random sample of ${number(of.sampled)}${more}, of ${photosText(of.total)}${of.complete ? '' : ' so far'}`
})

/** Takes the server's report on a search. */
export function looked(doing: Doing): void {
  if (looking.value) setLooking(doing)
}

/** Stops the search; nothing is added. */
export const cancelLooking = async (): Promise<void> => void (await attempt(() => api.cancelEverywhere()))

/** Shows more photos where the person looks: first all of the sample, then those of the shards that are near. */
export function moreHere(): Promise<boolean> {
  if (shown.value !== 'all' && shown.value < count.value) {
    setShown('all')
    say(`All ${photosText(count.value)} of the collection are shown. Press again for more of the shards.`)
    return Promise.resolve(true)
  }
  const inView = mapView.value?.idsInSight ?? []
  if (inView.length === 0) {
    say('No photo is in view. Move the map to where more are wanted.')
    return Promise.resolve(false)
  }
  return look(
    () => api.lookCloser(maskOf(inView, count.value), layer.value, CLOSER),
    (found) => {
      if (found.added === 0) say('The shards have no other photos here.')
    },
  )
}

/** Finds the photos that are most like the selected ones among all of the shards. */
export function findEverywhere(): Promise<boolean> {
  if (selectedCount.value === 0) {
    say('Select one or more examples first, then find photos similar to them.')
    return Promise.resolve(false)
  }
  return look(
    () => api.similarEverywhere(selected.value, layer.value, FOUND),
    (found) => show(found, `Most similar of all ${number(shards.value!.total)}`, 'similar'),
  )
}

/** Finds the photos that the model is surest to be of a label among all of the shards. */
export function findPredicted(name: string): Promise<boolean> {
  return look(
    () => api.predictedEverywhere(name, FOUND),
    (found) => {
      const n = found.counts[name] ?? 0
      if (found.ids.length === 0) say(`Of all ${photosText(shards.value!.total)}, none is predicted to be ${name}.`)
      else show(found, `Surest of ${number(n)} predicted as ${name}`, 'search')
    },
  )
}

/** Selects what was found and opens it in the review: at once, or when the page has started afresh. */
function show(found: FoundEverywhere, title: string, gesture: Gesture): void {
  if (found.added > 0) keepFound(api.id, found.ids, found.paths, gesture, title)
  else {
    replaceSelection(maskOf(found.ids, count.value), gesture)
    void openReview(title)
  }
}

function look(ask: () => Promise<FoundEverywhere>, then: (found: FoundEverywhere) => void): Promise<boolean> {
  if (looking.value) return Promise.resolve(false)
  return attempt(async () => {
    setLooking({ share: 0, secondsLeft: null })
    try {
      const found = await ask()
      then(found)
      if (found.added > 0) {
        setShown('all') // photos that were added are the last to be shown
        location.reload()
      }
    } finally {
      setLooking(null)
    }
  }, 'Could not search: ')
}
