// What to do next, and why: one decision for the whole page. It can be switched off, and is kept in this browser.

import { computed, effect } from '@preact/signals'
import type { FinishPlan } from '../server/types'
import { labelText } from '../text/accuracy'
import { number, percent, photos as photosText } from '../text/format'
import { answering } from './answering'
import { predictedCounts, SUGGESTED } from './batch'
import { api, collection, prepared } from './collection'
import { confidence, error } from './finishing'
import { labelledCount, labels } from './labels'
import { report, reportIsOld, training } from './model'
import { drawCount, toLabel, unlabelledCount, waitingCount } from './next-step'
import { owned } from './owned'
import { review } from './review'
import { selectedCount } from './selection'

export type Action =
  | 'prepare'
  | 'lasso'
  | 'review'
  | 'name'
  | 'suggest'
  | 'train'
  | 'check'
  | 'none-of-these'
  | 'confirm'
  | 'finish'
  | 'take-away'

export interface Advice {
  /** what to do, and why */
  text: string
  /** null where there is nothing to press */
  action: Action | null
}

/** What the advice depends on. */
export interface Facts {
  preparing: boolean
  prepared: number
  /** the labels that have photos, with how many actions gave each */
  labels: readonly { name: string; count: number; gestures: number }[]
  labelled: number
  unlabelled: number
  /** photos that are selected, and whether they are under review */
  selected: number
  reviewing: boolean
  training: boolean
  /** the model in use; its accuracy is null until photos are checked */
  model: { old: boolean; accuracy: number | null } | null
  check: { waiting: number; draws: number; none: number }
  toLabel: 'none' | 'unsure' | 'more' | null
  /** the share of all labels that may be wrong */
  error: number
  /** what finishing would label; null while that is not known */
  plan: Pick<FinishPlan, 'labels' | 'left' | 'more_checks'> | null
  /** photos that finishing has labelled */
  finished: number
  /** photos without a label that have a prediction */
  predicted: number
}

/** Photos of one action that make a group: they resemble each other. */
const GROUP = 3
/** So many actions more than labels make labels varied enough for a first model. */
const VARIED = 12
/** Labels, for each label and in all, from which on a check tells more than a few labels more would. */
const FEW = { each: 10, all: 100 }
/** The share of the photos without a label that finishing should reach. */
const MOST = 0.8
/** Checks that are worth it if finishing then labels more. */
const WORTH = 120
/** From this accuracy on, confirming is the way to many labels with few keys. */
const GOOD = 0.85

export function adviceFor(facts: Facts): Advice {
  const { check, model, plan, unlabelled } = facts
  if (facts.training) return { text: 'The model learns from your labels.', action: null }
  if (facts.prepared === 0) return beforePhotos(facts)
  // A check that was begun is answered to its end, whatever was labelled meanwhile.
  if (check.waiting > 0) {
    const waits = `${photosText(check.waiting)} of the check ${check.waiting === 1 ? 'waits' : 'wait'}`
    return { text: `${waits}. Answer them all: then it says how often the model is right.`, action: 'check' }
  }
  if (facts.labels.length < 2 && unlabelled > 0 && facts.selected > 0) return toName(facts)
  if (facts.labels.length === 0) {
    const more = facts.preparing ? ' More photos come while you work.' : ''
    const look = 'Look for photos that belong together and lie together on a map.'
    return {
      text: `${look} Draw around them with the lasso, throw out the odd ones, and name them.${more}`,
      action: 'lasso',
    }
  }
  if (unlabelled === 0) {
    return {
      text: 'Every photo has a label. Take away the labels, the photos in folders, or the model.',
      action: 'take-away',
    }
  }
  if (model && facts.toLabel === 'none') return { text: labelText('none', check.none), action: 'none-of-these' }
  if (facts.finished > 0) {
    const left = `${photosText(unlabelled)} ${unlabelled === 1 ? 'is' : 'are'} left, of which the model is not sure enough.`
    if (facts.predicted === 0) return { text: `${left} Label them, and train again.`, action: 'suggest' }
    return { text: `${left} Confirm what it predicts or correct it, the least sure first.`, action: 'confirm' }
  }
  if (facts.labels.length === 1) {
    return {
      text: `A model needs two labels to tell apart. Make a second one beside “${facts.labels[0]!.name}”.`,
      action: 'lasso',
    }
  }
  if (!model || model.old) return toTrain(facts)
  if (model.accuracy === null) return unchecked(facts)
  if (facts.toLabel === 'more') return { text: labelText('more', 0), action: 'suggest' }
  const wrong = `${percent(facts.error)} or fewer of all labels wrong`
  if (!plan) return { text: `See how many photos the model may label, with ${wrong}.`, action: 'finish' }
  if (plan.labels > 0 && plan.labels >= MOST * (plan.labels + plan.left)) {
    const left = plan.left > 0 ? ` ${photosText(plan.left)} ${plan.left === 1 ? 'is' : 'are'} left for you.` : ''
    return { text: `Done: ${wrong}. The model may label ${photosText(plan.labels)} for you.${left}`, action: 'finish' }
  }
  if (plan.more_checks !== null && plan.more_checks <= WORTH && check.draws > 0) {
    const needed = plan.more_checks > check.draws ? `About ${number(plan.more_checks)}` : number(check.draws)
    return { text: `${needed} more checks will show whether it may label the rest, with ${wrong}.`, action: 'check' }
  }
  const right = `It is right about ${percent(model.accuracy)} of the rest: too few to label it, with ${wrong}.`
  if (model.accuracy >= GOOD && facts.predicted > 0) {
    return {
      text: `${right} Confirm a page of each label, the least sure photos first: many labels with few keys.`,
      action: 'confirm',
    }
  }
  return { text: `${right} ${theseNext(facts)} teach it most.`, action: 'suggest' }
}

const theseNext = ({ unlabelled }: Facts): string =>
  unlabelled < SUGGESTED ? `The ${photosText(unlabelled)} left` : `These ${SUGGESTED} next: they`

function beforePhotos({ preparing }: Facts): Advice {
  if (!preparing)
    return { text: 'The photos are not prepared yet: without that there is nothing to look at.', action: 'prepare' }
  return {
    text: 'Photos are being prepared in random order. The first map comes after 500 of them, the rest while you work.',
    action: null,
  }
}

/** Photos are selected, and fewer than two labels have photos. */
function toName({ selected, reviewing }: Facts): Advice {
  if (reviewing) return { text: 'Click the photos that do not belong, and name the others.', action: 'name' }
  const are = `${photosText(selected)} ${selected === 1 ? 'is' : 'are'} selected`
  return { text: `${are}. See them side by side, throw out the odd ones, and name the others.`, action: 'review' }
}

/** Two labels or more, and no model that has learned from all of them. */
function toTrain(facts: Facts): Advice {
  if (facts.model)
    return {
      text: 'You have labelled more since the model was trained. Train again: it takes a moment.',
      action: 'train',
    }
  const groups = facts.labels.filter((label) => label.gestures === 1 && label.count >= GROUP)
  const actions = facts.labels.reduce((n, label) => n + label.gestures, 0)
  if (groups.length === 0 || actions >= facts.labels.length + VARIED) {
    return { text: 'You have labels to tell apart. Train a model on them: it takes a moment.', action: 'train' }
  }
  const which =
    groups.length === 1
      ? `“${groups[0]!.name}” was given in one go`
      : `${number(groups.length)} labels were given in one go each`
  return {
    text: `${which}, perhaps to photos that look alike. Add different ones: they teach a model more.`,
    action: 'suggest',
  }
}

/** A model that knows all labels, before photos are checked. */
function unchecked(facts: Facts): Advice {
  if (facts.toLabel === 'unsure') {
    return {
      text: 'You could tell none of the checked photos apart. Decide what such photos are, and label more.',
      action: 'suggest',
    }
  }
  const few = Math.min(FEW.all, FEW.each * facts.labels.length)
  if (facts.labelled < few || facts.check.draws === 0) {
    return { text: `${theseNext(facts)} teach it most, as each stands for many others.`, action: 'suggest' }
  }
  return {
    text: `Check ${photosText(facts.check.draws)} drawn at random. You chose your labels, so only this tells how often the model is right.`,
    action: 'check',
  }
}

/** What finishing would label, as the choices in its dialog are. */
const [plan, setPlan] = owned<{ of: string; found: FinishPlan } | null>(null)

const planned = computed(() => {
  const made = report.value
  if (made?.accuracy == null || reportIsOld.value || waitingCount.value > 0) return null
  return [
    collection.value?.model,
    made.labels_version,
    made.checked,
    unlabelledCount.value,
    error.value,
    confidence.value,
  ].join()
})

effect(() => {
  const of = planned.value
  if (of === null || answering.value || of === plan.peek()?.of) return
  api.planFinish(error.value, confidence.value).then(
    (found) => {
      if (planned.peek() === of) setPlan({ of, found })
    },
    () => undefined, // the advice is less exact
  )
})

export const advice = computed<Advice>(() => {
  const state = collection.value
  const made = report.value
  return adviceFor({
    preparing: state?.preparation?.running ?? false,
    prepared: prepared.value,
    labels: labels.value.names.filter((label) => label.count > 0),
    labelled: labelledCount.value,
    unlabelled: unlabelledCount.value,
    selected: selectedCount.value,
    reviewing: review.value !== null,
    training: training.value,
    model: made && { old: reportIsOld.value, accuracy: made.accuracy },
    check: {
      waiting: waitingCount.value,
      draws: drawCount.value,
      none: state?.spot_check.none_of_these.length ?? 0,
    },
    toLabel: toLabel.value,
    error: error.value,
    plan: plan.value !== null && plan.value.of === planned.value ? plan.value.found : null,
    finished: state?.finished ?? 0,
    predicted: predictedCounts.value.reduce((n, { count }) => n + count, 0),
  })
})

const KEY = 'handlens-guide'
const [guideOn, setGuideOn] = owned(localStorage.getItem(KEY) !== 'off')

export { guideOn }

export function switchGuide(on: boolean): void {
  setGuideOn(on)
  localStorage.setItem(KEY, on ? 'on' : 'off')
}
