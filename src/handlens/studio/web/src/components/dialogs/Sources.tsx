// What the photos are compared by: the sources in use, and those that can be added.

import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { addSource, collection, removeSource } from '../../state/collection'
import { failed, info, loadHome } from '../../state/home'
import { headed, number } from '../../text/format'
import { Dialog } from './Dialog'

const STATES = { ready: 'in use', preparing: 'preparing', waiting: 'waiting', failed: 'failed' } as const

export function Sources(): JSX.Element {
  const state = collection.value!
  useEffect(() => void loadHome(), [])
  const backbones = info.value?.backbones ?? null
  const have = new Set(state.sources.map((s) => s.name))
  const add = (name: string | null) => void addSource(name)
  return (
    <Dialog title="Sources">
      <p>What the photos are compared by. The layers of all sources stand side by side in the light table.</p>
      <ul class="sources">
        {state.sources.map((s) => (
          <li key={s.name}>
            <b>{headed(s.title)}</b>
            <span class={`state ${s.state}`}>{STATES[s.state]}</span>
            {s.state === 'failed' && (
              <button type="button" class="button small" onClick={() => add(s.backbone)}>
                Try again
              </button>
            )}
            {s.state === 'failed' && state.sources.length > 1 && (
              <button type="button" class="button small" onClick={() => void removeSource(s.name)}>
                Remove
              </button>
            )}
            {s.message && <small>{headed(s.message)}</small>}
            {s.reason && <small>{s.reason}</small>}
          </li>
        ))}
      </ul>
      <h3>Add</h3>
      <ul class="sources">
        {!have.has('patches') && (
          <li>
            <b>Learned on these photos</b>
            <span class="state">no download</span>
            <button type="button" class="button" onClick={() => add(null)}>
              Add
            </button>
          </li>
        )}
        {backbones === null && <li class="hint">{failed.value ?? 'Loading the list of networks…'}</li>}
        {backbones
          ?.filter((b) => !have.has(b.name))
          .map((b) => (
            <li key={b.name}>
              <b>{b.title}</b>
              <span class="state">
                {b.cached ? 'on this machine' : `${number(Math.round(b.megabytes))} MB download`}
              </span>
              <button type="button" class="button" aria-label={`Add ${b.title}`} onClick={() => add(b.name)}>
                Add
              </button>
            </li>
          ))}
      </ul>
      <AddTextModel />
    </Dialog>
  )
}

/** A model that finds photos by words is named by its folder, or as the hub does. */
function AddTextModel(): JSX.Element {
  const field = useRef<HTMLInputElement>(null)
  const [busy, setBusy] = useState(false)
  return (
    <form
      class="add-text-model"
      onSubmit={(event) => {
        event.preventDefault()
        const at = field.current!
        setBusy(true)
        void addSource(at.value.trim()).then((went) => {
          setBusy(false)
          if (went) at.value = ''
        })
      }}
    >
      <label for="text-model">
        <b>A CLIP or SigLIP model</b>, which finds photos by words (<kbd>/</kbd>)
      </label>
      <input
        id="text-model"
        ref={field}
        type="text"
        autocomplete="off"
        spellcheck={false}
        maxLength={4096}
        pattern={String.raw`.*[\/\\].*`}
        title="a folder, or the name of a model on the hub: both have a slash"
        placeholder="/home/me/clip or google/siglip-base-patch16-224"
        aria-describedby="text-model-hint"
        required
      />
      <button type="submit" class="button" disabled={busy}>
        {busy ? 'Adding…' : 'Add'}
      </button>
      <small id="text-model-hint">
        Its folder, or its name on the hub, huggingface.co: from there it is downloaded, often 0.5 to 4 GB, unless this
        machine has it.
      </small>
    </form>
  )
}
