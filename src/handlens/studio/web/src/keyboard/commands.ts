// The table of commands: everything that can be done with a key. Buttons take names and tooltips from here,
// the keyboard its bindings, and the dialog "Help" its lines.

import { MOST_SPREAD } from '../map'
import type { Tool } from '../map/types'
import { prepared } from '../state/collection'
import { closeDialog, dialog, openDialog } from '../state/dialogs'
import { showDuplicates } from '../state/duplicates'
import { findEverywhere, hasMore, looking, moreHere, shards } from '../state/everywhere'
import { toggleBar } from '../state/filters'
import { KEYED, labels, redo, undo, unlabel } from '../state/labels'
import { mapView } from '../state/map-view'
import { anyPlaced, stepLayer, stepProjection } from '../state/maps'
import { announce, say } from '../state/messages'
import { report, toggleOpacity, train, training } from '../state/model'
import { unlabelledCount, waitingCount } from '../state/next-step'
import { canBeWrong, closeReview, findSimilar, openReview, review, searching, toggleTarget } from '../state/review'
import { isNarrow, setSheet, sheet } from '../state/screen'
import { clearSelection, selectShown } from '../state/selecting'
import { selectedCount } from '../state/selection'
import { separate, separating, toSeparate } from '../state/separation'
import { showSuspects } from '../state/suspects'
import { searchesWith } from '../state/text-search'
import { isSpread, setIsSpread, setTool } from '../state/view'
import { photos } from '../text/format'

export interface Command {
  name: string
  /** as `KeyboardEvent.key`, with `Ctrl+` and `Shift+` before it; the first is the one shown */
  keys: string[]
  group: 'Look' | 'Select' | 'Label' | 'Model' | 'Page'
  run: () => void
  can?: () => boolean
  /** what is said where it cannot be run, if that is not plain to see */
  needs?: string
}

const selecting = (): boolean => selectedCount.value > 0

export const COMMANDS = {
  previousLayer: { name: 'Previous layer', keys: ['ArrowLeft'], group: 'Look', run: () => stepLayer(-1) },
  nextLayer: { name: 'Next layer', keys: ['ArrowRight'], group: 'Look', run: () => stepLayer(1) },
  previousProjection: { name: 'Previous projection', keys: ['ArrowUp'], group: 'Look', run: () => stepProjection(-1) },
  nextProjection: { name: 'Next projection', keys: ['ArrowDown'], group: 'Look', run: () => stepProjection(1) },
  zoomIn: { name: 'Zoom in', keys: ['+', '='], group: 'Look', run: () => mapView.value?.zoomBy(1.4) },
  zoomOut: { name: 'Zoom out', keys: ['-'], group: 'Look', run: () => mapView.value?.zoomBy(1 / 1.4) },
  fit: { name: 'Show the whole map', keys: ['0'], group: 'Look', run: () => mapView.value?.fit() },
  spread: {
    name: 'Spread: no photo over another',
    keys: ['p'],
    group: 'Look',
    run: toggleSpread,
    can: () => anyPlaced.value,
  },
  moreHere: {
    name: 'More photos here',
    keys: ['h'],
    group: 'Look',
    run: () => void moreHere(),
    can: () => anyPlaced.value && hasMore.value && looking.value === null,
    needs: 'More photos are looked for where a collection is a sample of shards, which handlens embed makes.',
  },
  pan: { name: 'Move the map', keys: ['v'], group: 'Look', run: () => take('pan') },
  filter: { name: 'Filter photos', keys: ['i'], group: 'Look', run: openFilter },
  lasso: { name: 'Lasso', keys: ['l'], group: 'Select', run: () => take('lasso') },
  box: { name: 'Box', keys: ['b'], group: 'Select', run: () => take('box') },
  all: { name: 'Select all shown', keys: ['Ctrl+a'], group: 'Select', run: selectShown, can: () => anyPlaced.value },
  clear: { name: 'Clear selection', keys: ['Escape'], group: 'Select', run: closeNearest, can: selecting },
  review: { name: 'Review', keys: ['r'], group: 'Select', run: toggleReview, can: selecting },
  similar: {
    name: 'Find similar',
    keys: ['f'],
    group: 'Select',
    run: () => void findSimilar(),
    can: () => selecting() && !searching.value,
  },
  everywhere: {
    name: 'Find similar in all photos of the shards',
    keys: ['Shift+f'],
    group: 'Select',
    run: () => void findEverywhere(),
    can: () => selecting() && shards.value !== null && looking.value === null,
    needs: 'Select examples first; and the collection must be a sample of shards, which handlens embed makes.',
  },
  search: {
    name: 'Find photos by words',
    keys: ['/'],
    group: 'Select',
    run: () => openDialog({ kind: 'search' }),
    can: () => searchesWith.value !== null,
    needs: 'To find photos by words, add a CLIP or SigLIP model under Sources. (G finds a label by its name.)',
  },
  newLabel: { name: 'New label', keys: ['n'], group: 'Label', run: () => goToField('#review-new-label', '#new-label') },
  findLabel: {
    name: 'Find a label by its name',
    keys: ['g'],
    group: 'Label',
    run: () => goToField('#review-find-label', '#find-label'),
    can: () => labels.value.names.length > KEYED,
  },
  suspects: {
    name: 'Labels that may be wrong',
    keys: ['u'],
    group: 'Label',
    run: () => void showSuspects(),
    can: () => report.value !== null,
    needs: 'Train first: then the model says which labels it doubts.',
  },
  duplicates: {
    name: 'Duplicates: photos that are there more than once',
    keys: ['d'],
    group: 'Select',
    run: () => void showDuplicates(),
    can: () => prepared.value > 0,
    needs: 'Duplicates are found among prepared photos. Wait until some are.',
  },
  unlabel: {
    name: 'Remove label',
    keys: ['Delete', 'Backspace'],
    group: 'Label',
    run: () => void unlabel(),
    can: () => selecting() || canBeWrong(),
  },
  wrong: {
    name: 'These are wrong: label the photos thrown out',
    keys: ['w'],
    group: 'Label',
    run: toggleTarget,
    can: canBeWrong,
    needs: 'Throw the wrong photos out in the review first: then they lose their label, or get another one.',
  },
  undo: {
    name: 'Undo',
    keys: ['Ctrl+z'],
    group: 'Label',
    run: () => void undo(),
    can: () => labels.value.undo !== null,
  },
  redo: {
    name: 'Redo',
    keys: ['Ctrl+Shift+z', 'Ctrl+y'],
    group: 'Label',
    run: () => void redo(),
    can: () => labels.value.redo !== null,
  },
  separate: {
    name: 'Separate',
    keys: ['s'],
    group: 'Model',
    run: () => void separate(),
    can: () => toSeparate().length >= 2 && !separating.value,
  },
  train: { name: 'Train', keys: ['t'], group: 'Model', run: () => void train(), can: () => !training.value },
  check: {
    name: 'Spot check',
    keys: ['c'],
    group: 'Model',
    run: () => openDialog({ kind: 'check' }),
    can: () => report.value !== null || waitingCount.value > 0,
    needs: 'Train first: a spot check tells how often a model is right, and there is none yet.',
  },
  batch: {
    name: 'Label the suggested photos',
    keys: ['j'],
    group: 'Label',
    run: () => openDialog({ kind: 'batch', way: 'suggested' }),
    can: () => unlabelledCount.value > 0,
    needs: 'Every photo has a label.',
  },
  importLabels: { name: 'Import labels', keys: ['m'], group: 'Label', run: () => openDialog({ kind: 'import' }) },
  opacity: {
    name: 'Vary opacity',
    keys: ['o'],
    group: 'Model',
    run: toggleOpacity,
    // The predictions of a model that was just trained may still be on their way: they fade the photos when they come.
    can: () => report.value !== null,
    needs: 'Train first: then photos that the model is sure of can be faded.',
  },
  help: { name: 'Help', keys: ['?'], group: 'Page', run: () => openDialog({ kind: 'help' }) },
} satisfies Record<string, Command>

export type CommandId = keyof typeof COMMANDS

/** Runs a command, or says what it needs. */
export function runCommand({ can, run, needs }: Command): void {
  if (can?.() ?? true) run()
  else if (needs) say(needs)
}

/** Escape closes the topmost of: a dialog, a sheet, the review, the selection, the spread. */
function closeNearest(): void {
  if (dialog.value) closeDialog()
  else if (isNarrow.value && sheet.value !== 'map') setSheet('map')
  else if (review.value) closeReview()
  else if (selecting() || !isSpread.value) clearSelection()
  else toggleSpread()
}

/** A tool is for the map, which lies below the sheets of a narrow screen. */
function take(one: Tool): void {
  setSheet('map')
  setTool(one)
}

function toggleSpread(): void {
  const inView = isSpread.value ? null : (mapView.value?.inViewToSpread ?? null)
  if (inView === 0) {
    say('Move to some photos first: Spread lays out those in view, and none are.')
  } else if (inView !== null && inView > MOST_SPREAD) {
    say(`Zoom in: Spread lays out at most ${photos(MOST_SPREAD)}, and ${photos(inView)} are in view.`)
  } else {
    setIsSpread(!isSpread.value)
    announce(isSpread.value ? 'The photos are spread out, none over another' : 'The photos are back in their places')
  }
}

function toggleReview(): void {
  if (review.value) closeReview()
  else void openReview()
}

/** The bar lies over the map, below the sheets of a narrow screen. */
function openFilter(): void {
  setSheet('map')
  toggleBar()
}

/** To a field of the review if it is open, else to that of the panel with the labels. */
function goToField(inReview: string, inPanel: string): void {
  const field = (id: string): HTMLInputElement | null => document.querySelector<HTMLInputElement>(id)
  const here = field(inReview) ?? field(inPanel)
  // The next letter typed is the first of the name: where a sheet opens, it is drawn before that key.
  if (here) here.focus()
  else {
    setSheet('labels')
    queueMicrotask(() => field(inPanel)?.focus())
  }
}
