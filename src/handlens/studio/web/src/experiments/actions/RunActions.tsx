// What can be done to one run or to many: star, note, hide, stop, train again, delete.

import type { JSX } from 'preact'
import { Icon, type IconName } from '../../components/icons'
import { keyText } from '../../keyboard/key-names'
import { plural } from '../../text/format'
import { lost, runs } from '../state/study'
import { openNote, remove, requeue, stop, toggleHidden, toggleStar } from './act'
import { allHave, deletable, queueable, stoppable } from './which'

export function RunActions({ ids }: { ids: readonly number[] }): JSX.Element {
  const now = runs.value
  const gone = lost.value
  const [stops, queues, deletes] = [stoppable(now, ids), queueable(now, ids, gone), deletable(now, ids, gone)]
  const starred = allHave(now, ids, 'star')
  const hidden = allHave(now, ids, 'hidden')
  return (
    <div class="run-actions" role="group" aria-label={ids.length === 1 ? `Run ${ids[0]}` : plural(ids.length, 'run')}>
      <Action icon="star" name={starred ? 'Take the star away' : 'Star'} keys="s" run={() => toggleStar(ids)} />
      <Action icon="note" name="Note…" keys="n" run={() => openNote(ids)} />
      <Action icon="hide" name={hidden ? 'Show again' : 'Hide'} keys="h" run={() => toggleHidden(ids)} />
      <Action
        icon="stop"
        name="Stop"
        needs={stops.length === 0 ? 'Only a run that waits or is being trained can be stopped' : null}
        run={() => void stop(stops)}
      />
      <Action
        icon="redo"
        name="Train again"
        needs={queues.length === 0 ? 'Only a run that has ended can be trained again' : null}
        run={() => void requeue(queues)}
      />
      <Action
        icon="bin"
        name="Delete…"
        keys="Delete"
        needs={deletes.length === 0 ? 'A run that is being trained must be stopped first' : null}
        run={() => void remove(deletes)}
      />
    </div>
  )
}

interface ActionProps {
  icon: IconName
  name: string
  keys?: string
  /** why it cannot be done */
  needs?: string | null
  run: () => void
}

function Action({ icon, name, keys, needs, run }: ActionProps): JSX.Element {
  return (
    <button
      type="button"
      class="button small"
      aria-disabled={needs != null}
      aria-keyshortcuts={keys}
      data-tip={needs ?? name}
      data-key={needs == null && keys ? keyText(keys) : ''}
      onClick={() => needs == null && run()}
    >
      <Icon name={icon} size={16} />
      <span>{name}</span>
    </button>
  )
}
