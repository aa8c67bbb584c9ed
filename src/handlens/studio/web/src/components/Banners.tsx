// Banners above the map: lost connection, notices of the server, and the progress of preparing the photos.

import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import type { Preparation, Scanning, Source } from '../server/types'
import {
  addFound,
  cancelPreparing,
  cancelScan,
  collection,
  connected,
  count,
  lookForFolder,
  prepare,
} from '../state/collection'
import { openDialog } from '../state/dialogs'
import { duration, number, photos as photosText } from '../text/format'
import { doing } from '../text/preparing'
import { Icon } from './icons'

const hidden = signal<ReadonlySet<string>>(new Set())

export function Banners(): JSX.Element {
  const state = collection.value!
  return (
    <section class="banners" aria-label="Notices">
      {!connected.value && (
        <p class="banner warn" role="alert">
          <Icon name="warn" />
          Studio does not answer. Is it still running? Labels are saved only while it is; trying again by itself.
        </p>
      )}
      {connected.value && state.folder_gone && (
        <div class="banner warn" role="alert">
          <Icon name="warn" />
          <span>
            The folder <span class="path">{state.images}</span> is gone (unplugged?). Labels are saved as ever; large
            photos come back with it.
          </span>
          <button type="button" class="button small" onClick={() => void lookForFolder()}>
            Try again
          </button>
          <button type="button" class="button small" onClick={() => openDialog({ kind: 'locate' })}>
            Locate folder…
          </button>
        </div>
      )}
      {state.notices
        .filter((n) => !hidden.value.has(n.id))
        .map((n) => (
          <p class="banner" role="status" key={n.id}>
            <Icon name={state.sources.some((s) => s.reason === n.text) ? 'layers' : 'warn'} />
            <span>{n.text}</span>
            <button
              type="button"
              class="button square small"
              aria-label="Dismiss"
              onClick={() => (hidden.value = new Set(hidden.value).add(n.id))}
            >
              <Icon name="close" size={16} />
            </button>
          </p>
        ))}
      {state.found > 0 && (
        <div class="banner" role="status">
          <Icon name="plus" />
          <span>
            {state.found === 1 ? '1 photo was' : `${photosText(state.found)} were`} added to the folder. The page starts
            afresh with {state.found === 1 ? 'it' : 'them'}; labels are kept.
          </span>
          <button type="button" class="button small" onClick={() => void addFound()}>
            {state.found === 1 ? 'Add it' : 'Add them'}
          </button>
        </div>
      )}
      {state.scanning.running && state.scanning.seconds_left !== null && <Looking of={state.scanning} />}
      <Preparing of={state.preparation} sources={state.sources} />
    </section>
  )
}

/** Shown once it takes a while: the folder of most collections is looked at in a moment. */
function Looking({ of }: { of: Scanning }): JSX.Element {
  return (
    <div class="banner preparing" role="group" aria-label="Looking for changes">
      <progress aria-label="Files looked at" value={of.done} max={Math.max(1, of.total)} />
      <span>
        <b>Looking for what has changed in the folder</b> · {number(of.done)} of {number(of.total)} files
        {of.seconds_left !== null && ` · ${duration(of.seconds_left)} left`}
      </span>
      <button type="button" class="button small" onClick={() => void cancelScan()}>
        Cancel
      </button>
    </div>
  )
}

function Preparing({ of, sources }: { of: Preparation; sources: Source[] }): JSX.Element | null {
  if (of.running) {
    const { what, counts } = doing(of, sources)
    return (
      <div class="banner preparing" role="group" aria-label="Preparing">
        {/* Never without a value: the bar that runs to and fro costs what the photos could have. */}
        <progress aria-label="Photos prepared" value={counts ? of.done : 0} max={Math.max(1, of.total)} />
        <span>
          <b>{what}</b>
          {counts && (
            <>
              {' '}
              · {number(of.done)} of {photosText(of.total)}
              {!!of.rate && ` · ${number(Math.round(of.rate))} a second`}
              {of.seconds_left !== null && ` · ${duration(of.seconds_left)} left`}
            </>
          )}
        </span>
        <button type="button" class="button small" onClick={() => void cancelPreparing()}>
          Cancel
        </button>
      </div>
    )
  }
  if (of.phase === 'done') return null
  const failed = of.phase === 'failed'
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles can be named
    <div class={`banner ${failed ? 'warn' : ''}`} role={failed ? 'alert' : 'group'} aria-label="Preparing">
      {failed && <Icon name="warn" />}
      <span>
        {failed
          ? (of.error ?? 'Preparing the photos failed.')
          : of.phase === 'idle'
            ? `${photosText(of.total - of.done)} still to be prepared.`
            : of.total < count.value
              ? 'Preparing stopped before the first photos were ready.'
              : `Preparing stopped at ${number(of.done)} of ${photosText(of.total)}. What is done is kept.`}
      </span>
      <button type="button" class="button small" onClick={() => void prepare()}>
        {failed ? 'Try again' : of.phase === 'idle' ? 'Start' : 'Resume'}
      </button>
    </div>
  )
}
