// Whether photos are answered one after another, in a dialog over the map. What follows from labels waits until its end,
// so that each key is answered at once.

import { effect } from '@preact/signals'
import { labels } from './labels'
import { owned } from './owned'

export const [answering, setAnswering] = owned(false)

/** The labels as the maps draw them. */
const [drawnLabels, setDrawnLabels] = owned(labels.peek())
effect(() => {
  if (!answering.value) setDrawnLabels(labels.value)
})

export { drawnLabels }
