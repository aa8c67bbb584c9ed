// Banners above the map: lost connection, notices of the server, and the progress of preparing the photos.

import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import type { Preparation, Source } from '../server/types'
import { cancelPreparing, collection, connected, count, lookForFolder, prepare } from '../state/collection'
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
      <Preparing of={state.preparation} sources={state.sources} />
    </section>
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
