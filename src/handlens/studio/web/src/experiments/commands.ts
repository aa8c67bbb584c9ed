// What can be done with a key on the page of experiments; buttons take their names and tooltips from here, and so does
// its help.

import type { Command } from '../keyboard/commands'
import { pressed } from '../keyboard/key-names'
import { isField } from '../keyboard/keys'
import { question } from '../state/dialogs'
import { say } from '../state/messages'
import { noting } from './actions/act'
import { RUN_COMMANDS } from './actions/commands'
import { VIEWS, type View } from './state/address'
import { dialog, openDialog } from './state/dialogs'
import { closeRun, select, stepRun } from './state/looked-at'
import { adjust, go, place } from './state/place'

export const NAMES: Record<View, string> = { runs: 'Runs', pivot: 'Pivot', compare: 'Compare', parallel: 'Parallel' }
const KEYS: Record<View, string> = { runs: 'r', pivot: 'p', compare: 'c', parallel: 'l' }

const inStudy = (): boolean => place.value.study !== null
const inRun = (): boolean => place.value.run !== null

const views = Object.fromEntries(
  VIEWS.map((view) => [
    view,
    { name: NAMES[view], keys: [KEYS[view]], group: 'Look', run: () => go({ view }), can: inStudy } satisfies Command,
  ]),
) as Record<View, Command>

export const COMMANDS = {
  ...views,
  filter: {
    name: 'Filter runs',
    keys: ['i', '/'],
    group: 'Look',
    run: () => document.querySelector<HTMLElement>('#add-condition')?.click(),
    can: inStudy,
  },
  columns: { name: 'Columns', keys: ['o'], group: 'Look', run: () => openDialog('columns'), can: inStudy },
  previous: { name: 'Previous run', keys: ['['], group: 'Look', run: () => stepRun(-1), can: inRun },
  next: { name: 'Next run', keys: [']'], group: 'Look', run: () => stepRun(1), can: inRun },
  close: { name: 'Close the run, or clear the selection', keys: ['Escape'], group: 'Select', run: closeNearest },
  hidden: {
    name: 'Show hidden runs',
    keys: ['v'],
    group: 'Look',
    run: () => adjust({ hidden: !place.value.hidden }),
    can: inStudy,
  },
  ...RUN_COMMANDS,
  help: { name: 'Help', keys: ['?'], group: 'Page', run: () => openDialog('help') },
} satisfies Record<string, Command>

export type CommandId = keyof typeof COMMANDS

function closeNearest(): void {
  if (place.value.run !== null) closeRun()
  else if (place.value.selected.length > 0) select([])
}

export function runCommand({ can, run, needs }: Command): void {
  if (can?.() ?? true) run()
  else if (needs) say(needs)
}

export function listenToKeys(): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || dialog.value || question.value || noting.value) return
    const key = pressed(event)
    if (isField(event.target)) {
      // Esc leaves a field, so that the other keys work again.
      if (key === 'Escape') (event.target as HTMLElement).blur()
      return
    }
    const command = Object.values<Command>(COMMANDS).find(({ keys }) => keys.includes(key))
    if (!command) return
    event.preventDefault()
    runCommand(command)
  }
  addEventListener('keydown', onKey)
  return () => removeEventListener('keydown', onKey)
}
