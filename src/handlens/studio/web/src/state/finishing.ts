// Finishing: labels as many of the rest as can be certified for an error and a confidence that the person chooses.

import { computed } from '@preact/signals'
import type { FinishPlan } from '../server/types'
import { photos as photosText } from '../text/format'
import { api, replaceCollection } from './collection'
import { closeDialog } from './dialogs'
import { labels, takeLabels, undo } from './labels'
import { say, sentenceOf } from './messages'
import { unlabelledCount, unlabelledMask } from './next-step'
import { owned } from './owned'
import { openReview } from './review'
import { select } from './selecting'

/** The share of all labels that may be wrong unless the person says another. */
const ERROR = 0.05

/** The share of all labels that may be wrong, and how sure that has to be; both 0 to 1. */
const [error, setError] = owned(ERROR)
/** The share as the person typed it, in per cent; '' where one of those offered is chosen. */
const [typedError, setTypedError] = owned('')
const [confidence, setConfidence] = owned(0.95)
/** What finishing would label now; null while it is worked out. */
const [plan, setPlan] = owned<FinishPlan | { problem: string } | null>(null)
const [finishing, setFinishing] = owned(false)

export { confidence, error, finishing, plan, typedError }

/** Milliseconds after the last change until the plan is asked for. */
const WAIT = 250

let timer: ReturnType<typeof setTimeout> | undefined
let asked = 0

/** Asks what finishing would label, a moment after the last call. */
export function askForPlan(wait = WAIT): void {
  const turn = ++asked
  setPlan(null)
  clearTimeout(timer)
  timer = setTimeout(async () => {
    const found = await api.planFinish(error.value, confidence.value).catch((failure: unknown) => ({
      problem: sentenceOf(failure),
    }))
    if (turn === asked) setPlan(found)
  }, wait)
}

export function chooseError(share: number): void {
  setTypedError('')
  setError(share)
  askForPlan()
}

/** Takes what is typed; emptied, the usual share is chosen again. */
export function typeError(percentage: string): void {
  const share = percentage === '' ? ERROR : shareOf(percentage)
  setTypedError(percentage)
  if (share === null) return
  setError(share)
  askForPlan()
}

/** Whether what is typed cannot be a share, so that there is nothing to plan. */
export const noShare = computed(() => typedError.value !== '' && shareOf(typedError.value) === null)

export function chooseConfidence(share: number): void {
  setConfidence(share)
  askForPlan()
}

/** 7.5 → 0.075; null unless it is between 0 and 100 %. */
export function shareOf(percentage: string): number | null {
  const value = Number(percentage.trim().replace(',', '.').replace(/ ?%$/, ''))
  return percentage.trim() !== '' && value > 0 && value < 100 ? value / 100 : null
}

/** Labels what the plan says, closes the dialog, and says what is left and how to take it back. */
export async function finish(): Promise<void> {
  if (finishing.value) return
  setFinishing(true)
  try {
    const done = await api.finish(error.value, confidence.value)
    takeLabels(await api.labels())
    replaceCollection(await api.state())
    closeDialog()
    sayFinished(done)
  } catch (failure) {
    setPlan({ problem: sentenceOf(failure) })
  } finally {
    setFinishing(false)
  }
}

function sayFinished(done: FinishPlan): void {
  const version = labels.value.version
  const takeBack = {
    name: 'Undo',
    run: () => {
      // Undo takes back the latest change, which must be this one.
      if (labels.value.version === version) void undo()
      else say('Labels have changed since. Undo (Ctrl+Z) takes the later changes back first.')
    },
  }
  const rest = { name: `Show the ${photosText(unlabelledCount.value)} left`, run: showUnlabelled }
  say(`Finished. ${done.sentence}`, 'note', unlabelledCount.value > 0 ? [rest, takeBack] : [takeBack])
}

/** Selects the photos without a label and shows them in the review grid. */
export function showUnlabelled(): void {
  select(unlabelledMask.value, 'replace', 'review')
  void openReview('Without a label')
}
