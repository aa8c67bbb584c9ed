// Renaming, merging and deleting labels.

import type { JSX } from 'preact'
import { collection } from '../../state/collection'
import { labels, merge, remove, rename } from '../../state/labels'
import { photos as photosText } from '../../text/format'
import { Ask } from './Ask'

export function Rename({ name }: { name: string }): JSX.Element {
  return <Ask title={`Rename ${name}`} label="New name" value={name} action="Rename" run={(to) => rename(name, to)} />
}

export function Merge({ names }: { names: string[] }): JSX.Element {
  return (
    <Ask
      title={`Merge ${names.join(' and ')}`}
      label="Into one label called"
      value={names[0]}
      action="Merge"
      run={(into) => merge(names, into)}
    />
  )
}

export function Delete({ name }: { name: string }): JSX.Element {
  const n = labels.value.names.find((l) => l.name === name)?.count ?? 0
  return (
    <Ask title={`Delete ${name}?`} action="Delete" run={() => remove(name)}>
      <p>
        {photosText(n)} will have no label again. Undo brings {n === 1 ? 'it' : 'them'} back.
      </p>
      {(collection.value?.spot_check.answered ?? 0) > 0 && (
        <p class="hint">
          Photos that you called {name} in the spot check are asked again, and until then the check has no number.
        </p>
      )}
    </Ask>
  )
}
