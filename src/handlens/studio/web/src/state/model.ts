// The model in use: its report and predictions, training and fine-tuning, and fading what it is sure of.

import { computed } from '@preact/signals'
import type { CollectionState, ModelKind, Predictions } from '../server/types'
import { accuracyText } from '../text/accuracy'
import { plural } from '../text/format'
import { api, collection, replaceCollection } from './collection'
import { labels } from './labels'
import { type Doing, takesLong } from './maps'
import { announce, attempt, say } from './messages'
import { owned } from './owned'
import { opacity, setOpacity } from './view'

const [predictions, setPredictions] = owned<Predictions | null>(null)
const [training, setTraining] = owned(false)
/** How far the training is that this page or another one started. */
const [trainingDone, setTrainingDone] = owned<Doing | null>(null)

/** How far predicting all photos is, for this page or another one. */
const [predictingDone, setPredictingDone] = owned<Doing | null>(null)

export { predictingDone, predictions, training, trainingDone }

/** Takes the server's report on a training; the last one says that it has ended. */
export const trained = (doing: Doing): void => setTrainingDone(doing.share < 1 ? doing : null)

/** Takes the server's report on predicting, which is shown where it takes longer than a moment. */
export const predicted = (doing: Doing): void => setPredictingDone(takesLong(doing) ? doing : null)

let isCancelled = false
export async function cancelTraining(): Promise<void> {
  isCancelled = true
  isCancelled = await attempt(() => api.cancelTraining())
}

export const report = computed(() => collection.value?.report ?? null)
/** The labels by persons are others than those that the model was trained on; those of finishing do not count. */
export const reportIsOld = computed(
  () => report.value !== null && report.value.labels_version !== labels.value.last_by_person,
)
export const fineTuning = computed(() => collection.value?.fine_tuning.running ?? false)

const FADED = 0.12
/** Opacity by id: photos predicted with at least the threshold are faded. Null: no photo is faded. */
export const alpha = computed<Float32Array | null>(() => {
  const { on, threshold } = opacity.value
  const said = predictions.value
  if (!on || !said) return null
  return Float32Array.from(said.probability, (p) => (p >= threshold ? FADED : 1))
})
export const fadedCount = computed(() => alpha.value?.reduce((n, a) => n + (a < 1 ? 1 : 0), 0) ?? 0)

export function toggleOpacity(): void {
  setOpacity({ ...opacity.value, on: !opacity.value.on })
  announce(opacity.value.on ? 'Photos predicted confidently are faded' : 'All photos at full opacity')
}

let isGivenUp = false
/** Asks for the predictions; after they are cancelled, those that there are stay. */
export async function loadPredictions(): Promise<void> {
  isGivenUp = false
  await api.predictions().then(setPredictions, (error: unknown) => {
    if (!isGivenUp) throw error
  })
}

export async function cancelPredicting(): Promise<void> {
  isGivenUp = true
  isGivenUp = await attempt(() => api.cancelPredicting())
}

/** Says whether it went well. */
export async function train(): Promise<boolean> {
  if (training.value) return false
  return attempt(async () => {
    setTraining(true)
    isCancelled = false
    announce('Training')
    try {
      const made = await api.train().catch((error: unknown) => {
        if (isCancelled) return null
        throw error
      })
      if (!made) return announce('Training was cancelled; the model in use is the one from before')
      replaceCollection(await api.state())
      await loadPredictions()
      announce(`Trained on ${plural(made.n_labelled, 'labelled photo')}: ${accuracyText(made)}`)
      if (made.outcome) say(`${made.outcome} ${inUseText(collection.value!)}`)
    } finally {
      setTraining(false)
    }
  }, 'Could not train: ')
}

export async function fineTune(backbone: string, minutes: number): Promise<boolean> {
  return attempt(async () => {
    replaceCollection(await api.fineTune(backbone, minutes))
    announce(`Fine-tuning ${backbone}`)
  }, 'Could not fine-tune: ')
}

export const cancelFineTuning = (): Promise<boolean> =>
  attempt(async () => void replaceCollection(await api.cancelFineTuning()))

const IN_USE = {
  quick: 'The quick model is',
  'fine-tuned': 'The fine-tuned model is',
  both: 'Both together are',
} as const

/** Which model is in use, and how often it is right. */
function inUseText({ model, report: of }: CollectionState): string {
  return model ? `${IN_USE[model]} in use: ${accuracyText(of)}.` : ''
}

/** Shows a message on how fine-tuning ended, since the person may be doing something else. */
export function sayFineTuned(state: CollectionState): void {
  const { phase, error, network, outcome } = state.fine_tuning
  const before = 'The model in use is the one from before.'
  const compared = outcome && ` ${outcome}`
  if (phase === 'done') say(`${network} is fine-tuned.${compared} ${inUseText(state)}`)
  else if (phase === 'cancelled') say(`Fine-tuning was cancelled. ${before}`)
  else if (phase === 'failed') say(`Fine-tuning failed: ${error ?? 'no reason is known.'} ${before}`)
}

export async function useModel(kind: ModelKind): Promise<void> {
  await attempt(async () => {
    const state = await api.useModel(kind)
    replaceCollection(state)
    await loadPredictions()
    announce(inUseText(state))
  }, 'Could not change the model: ')
}
