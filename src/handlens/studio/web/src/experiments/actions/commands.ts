// What can be done to runs with a key: to those that are selected, otherwise to the one that is open.

import type { Command } from '../../keyboard/commands'
import { place } from '../state/place'
import { runs } from '../state/study'
import { openNote, remove, toggleHidden, toggleStar } from './act'

/** Those of the address that the page knows: of others it could not say what they had before. */
function meant(): readonly number[] {
  const { selected, run } = place.value
  const ids = selected.length > 0 || run === null ? selected : [run]
  return ids.filter((id) => runs.value.places.has(id))
}

const can = (): boolean => meant().length > 0
const needs = 'Select runs first, or open one.'

export const RUN_COMMANDS = {
  star: { name: 'Star', keys: ['s'], group: 'Select', run: () => toggleStar(meant()), can, needs },
  note: { name: 'Note', keys: ['n'], group: 'Select', run: () => openNote(meant()), can, needs },
  hide: { name: 'Hide, or show again', keys: ['h'], group: 'Select', run: () => toggleHidden(meant()), can, needs },
  delete: { name: 'Delete', keys: ['Delete'], group: 'Select', run: () => void remove(meant()), can, needs },
} satisfies Record<string, Command>
