// The form for a new collection: where the photos are, and what to compare them by.

import { computed, signal } from '@preact/signals'
import type { JSX } from 'preact'
import { home } from '../../server/api'
import type { Backbone, StudioInfo, NewCollection as Wanted } from '../../server/types'
import { sentenceOf } from '../../state/messages'
import { number, photos as photosText } from '../../text/format'
import { Icon } from '../icons'
import { type Chosen, few, fromDrop, fromInput, isZip, nameFor, visible } from './uploads'

type From = 'path' | 'files' | 'builtin'

const from = signal<From>('path')
const path = signal('')
const files = signal<Chosen[]>([])
const builtin = signal('')
const name = signal('')
const own = signal(true)
const chosenNets = signal<ReadonlySet<string>>(new Set())
const working = signal<{ text: string; done: number; total: number } | null>(null)
const failed = signal<string | null>(null)
const dragging = signal(false)

/** What is still missing before it can be made; null when nothing is. */
const missing = computed<string | null>(() => {
  if (from.value === 'path' && !path.value.trim()) return 'Say which folder.'
  if (from.value === 'files' && files.value.length === 0) return 'Drop or choose photos.'
  if (from.value === 'builtin' && !builtin.value) return 'Choose one of the built-in collections.'
  if (!own.value && chosenNets.value.size === 0) return 'Choose what to compare the photos by.'
  return null
})

async function upload(): Promise<Wanted['source']> {
  const id = await home.startUpload()
  const zips = files.value.filter((f) => isZip(f.file))
  const single = files.value.filter((f) => !isZip(f.file))
  const total = files.value.length
  let done = 0
  const step = (): void => {
    working.value = { text: 'Copying', done, total }
  }
  step()
  for (const zip of zips) {
    await home.uploadZip(id, zip.file)
    done++
    step()
  }
  await few(single, 4, async (one) => {
    await home.uploadPhoto(id, one.path, one.file)
    done++
    step()
  })
  return { kind: 'upload', upload: id }
}

async function create(): Promise<void> {
  if (missing.value !== null) {
    failed.value = missing.value
    return
  }
  failed.value = null
  working.value = { text: 'Looking through the photos', done: 0, total: 0 }
  try {
    const source: Wanted['source'] =
      from.value === 'path'
        ? { kind: 'path', path: path.value.trim() }
        : from.value === 'builtin'
          ? { kind: 'builtin', name: builtin.value }
          : await upload()
    working.value = { text: 'Looking through the photos', done: 0, total: 0 }
    const called = name.value.trim() || (from.value === 'files' ? nameFor(files.value) : '')
    const { id } = await home.create({
      ...(called ? { name: called } : {}),
      source,
      backbones: [...chosenNets.value],
      own_features: own.value,
    })
    location.href = `/c/${encodeURIComponent(id)}`
  } catch (error) {
    failed.value = sentenceOf(error)
    working.value = null
  }
}

export function NewCollection({ info }: { info: StudioInfo }): JSX.Element {
  return (
    <form
      class="card new-collection"
      onSubmit={(event) => {
        event.preventDefault()
        if (!working.value) void create()
      }}
    >
      <fieldset>
        <legend>Where are the photos?</legend>
        <div class="choices">
          <Choice of="path" icon="folder" text="A folder on this machine" />
          <Choice of="files" icon="upload" text="Drop or choose files" />
          <Choice of="builtin" icon="grid" text="A built-in collection" />
        </div>
        {from.value === 'path' && <FromPath />}
        {from.value === 'files' && <FromFiles />}
        {from.value === 'builtin' && <FromBuiltin info={info} />}
      </fieldset>
      <fieldset>
        <legend>What should they be compared by?</legend>
        <label class="option">
          <input type="checkbox" checked={own.value} onChange={(event) => (own.value = event.currentTarget.checked)} />
          <span>
            <b>Learned on these photos, no download</b>
            <small>
              Small patterns found in your own photos. Good for drawings, digits, textures and anything unusual.
            </small>
          </span>
        </label>
        <Networks all={info.backbones} />
      </fieldset>
      <label class="line">
        <span>
          Name <small>(may stay empty)</small>
        </span>
        <input
          type="text"
          maxLength={100}
          autocomplete="off"
          value={name.value}
          onInput={(event) => (name.value = event.currentTarget.value)}
        />
      </label>
      <div class="actions">
        {failed.value !== null && (
          <p class="error" role="alert">
            <Icon name="warn" /> {failed.value}
          </p>
        )}
        {working.value && (
          <p role="status">
            {working.value.text}
            {working.value.total > 0 ? `: ${number(working.value.done)} of ${number(working.value.total)} files` : '…'}
            <progress
              aria-label={working.value.text}
              {...(working.value.total > 0 ? { value: working.value.done, max: working.value.total } : {})}
            />
          </p>
        )}
        <button type="submit" class="button filled" aria-disabled={missing.value !== null || working.value !== null}>
          Create collection
        </button>
      </div>
    </form>
  )
}

function Choice({ of, icon, text }: { of: From; icon: 'folder' | 'upload' | 'grid'; text: string }): JSX.Element {
  return (
    <label class={`choice ${from.value === of ? 'on' : ''}`}>
      <input
        type="radio"
        name="from"
        value={of}
        checked={from.value === of}
        onChange={() => {
          from.value = of
          failed.value = null
        }}
      />
      <Icon name={icon} />
      {text}
    </label>
  )
}

function FromPath(): JSX.Element {
  return (
    <label class="line">
      <span>Folder</span>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        placeholder="/home/me/photos"
        value={path.value}
        onInput={(event) => (path.value = event.currentTarget.value)}
      />
      <small>The photos stay where they are and are never changed. Folders inside it are included.</small>
    </label>
  )
}

function FromFiles(): JSX.Element {
  const take = (chosen: Chosen[]): void => {
    files.value = visible(chosen)
    failed.value = null
  }
  const bytes = files.value.reduce((sum, { file }) => sum + file.size, 0)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: for dropping with a mouse; the buttons inside do the same
    <div
      class={`drop ${dragging.value ? 'over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault()
        dragging.value = true
      }}
      onDragLeave={() => (dragging.value = false)}
      onDrop={(event) => {
        event.preventDefault()
        dragging.value = false
        if (event.dataTransfer) void fromDrop(event.dataTransfer.items).then(take)
      }}
    >
      <p aria-live="polite">
        {files.value.length === 0
          ? 'Drop a folder, photos or a zip here'
          : `${number(files.value.length)} ${files.value.length === 1 ? 'file' : 'files'}, ${number(Math.max(1, Math.round(bytes / 1e6)))} MB`}
      </p>
      <p class="actions">
        <Pick text="Choose a folder" folder take={take} />
        <Pick text="Choose files or a zip" take={take} />
      </p>
      <small>They are copied to this machine’s Studio, and nowhere else.</small>
    </div>
  )
}

function Pick({
  text,
  folder,
  take,
}: {
  text: string
  folder?: boolean
  take: (chosen: Chosen[]) => void
}): JSX.Element {
  return (
    <label class="button file">
      {text}
      <input
        type="file"
        class="visually-hidden"
        multiple
        // Preact sets unknown names as attributes, which is how a folder is asked for.
        {...(folder ? { webkitdirectory: true } : { accept: 'image/*,.zip' })}
        onChange={(event) => take(fromInput(event.currentTarget))}
      />
    </label>
  )
}

function FromBuiltin({ info }: { info: StudioInfo }): JSX.Element {
  return (
    <div class="builtins">
      {info.builtin.map((b) => (
        <label key={b.name} class="option">
          <input
            type="radio"
            name="builtin"
            value={b.name}
            checked={builtin.value === b.name}
            onChange={() => (builtin.value = b.name)}
          />
          <span>
            <b>{b.title}</b> <span class="tag">{photosText(b.count)}</span>
            <small>{b.description}</small>
          </span>
        </label>
      ))}
    </div>
  )
}

function Networks({ all }: { all: Backbone[] }): JSX.Element {
  const on = chosenNets.value.size > 0
  const set = (net: string, wanted: boolean): void => {
    const next = new Set(chosenNets.value)
    if (wanted) next.add(net)
    else next.delete(net)
    chosenNets.value = next
  }
  return (
    <div class="networks">
      <label class="option">
        <input
          type="checkbox"
          checked={on}
          disabled={all.length === 0}
          onChange={(event) => {
            chosenNets.value = event.currentTarget.checked && all[0] ? new Set([all[0].name]) : new Set()
          }}
        />
        <span>
          <b>A pretrained network</b> <span class="tag">suggested for photographs</span>
          <small>Has seen a million photos, and so knows more about shapes and things. More can be added later.</small>
        </span>
      </label>
      {on && (
        <div class="nets" role="group" aria-label="Networks">
          {all.map((b) => (
            <label key={b.name} class="option">
              <input
                type="checkbox"
                checked={chosenNets.value.has(b.name)}
                onChange={(event) => set(b.name, event.currentTarget.checked)}
              />
              <span>
                {b.title} <code>{b.name}</code>{' '}
                <span class="tag">
                  {b.cached ? 'on this machine' : `${number(Math.round(b.megabytes))} MB download`}
                </span>
              </span>
            </label>
          ))}
        </div>
      )}
    </div>
  )
}
