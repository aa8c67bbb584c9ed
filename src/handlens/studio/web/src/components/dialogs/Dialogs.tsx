// The dialogs of the labelling screen.

import { signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Contest } from '../../audit/Contest'
import { DatasheetForm } from '../../audit/DatasheetForm'
import { ReviewQueue } from '../../audit/ReviewQueue'
import { SplitReport } from '../../audit/SplitReport'
import { kernelPage } from '../../kernel/address'
import { COMMANDS, type Command } from '../../keyboard/commands'
import { keyText } from '../../keyboard/key-names'
import { type ExportedFile, home } from '../../server/api'
import type { Backbone, CollectionSummary } from '../../server/types'
import {
  api,
  collection,
  count,
  labelledCount,
  labelOf,
  labels,
  nameOf,
  photos,
  predictions,
  reportIsOld,
  selected,
} from '../../state/collection'
import { closeDialog, dialog } from '../../state/dialogs'
import { forget } from '../../state/home'
import { merge, remove, rename, selectIds } from '../../state/labels'
import { attempt } from '../../state/messages'
import { headed, number, percent, photos as photosText } from '../../text/format'
import { LookedAt } from '../HeatMap'
import { Icon } from '../icons'
import { Dialog } from './Dialog'
import { STEPS } from './help-steps'

export function Dialogs(): JSX.Element | null {
  const open = dialog.value
  switch (open?.kind) {
    case 'help':
      return <Help />
    case 'keys':
      return <Keys />
    case 'left-out':
      return <LeftOutList />
    case 'sources':
      return <Sources />
    case 'take-away':
      return <TakeAway />
    case 'rename':
      return <Rename name={open.name} />
    case 'merge':
      return <Merge names={open.names} />
    case 'delete':
      return <Delete name={open.name} />
    case 'photo':
      return <Photo id={open.id} />
    case 'forget':
      return <Forget what={open.what} />
    case 'split':
      return <SplitReport />
    case 'datasheet':
      return <DatasheetForm />
    case 'queue':
      return <ReviewQueue />
    case 'contest':
      return <Contest id={open.id} />
    default:
      return null
  }
}

function Help(): JSX.Element {
  return (
    <Dialog title="Help" class="wide">
      <ol class="steps">
        {STEPS.map(({ title, lines }) => (
          <li key={title}>
            <h3>{title}</h3>
            <p>{lines[0]}</p>
            <p>{lines[1]}</p>
          </li>
        ))}
      </ol>
    </Dialog>
  )
}

const GROUPS = ['Look', 'Select', 'Label', 'Model', 'Page'] as const
/** Keys and gestures that belong to a place and not to a button. */
const ELSEWHERE: { group: (typeof GROUPS)[number]; keys: string; name: string }[] = [
  { group: 'Look', keys: 'scroll', name: 'Zoom at the pointer' },
  { group: 'Look', keys: 'double click', name: 'See the photo large' },
  { group: 'Select', keys: 'Shift + draw', name: 'Add to the selection' },
  { group: 'Select', keys: 'Alt + draw', name: 'Take from the selection' },
  { group: 'Select', keys: 'arrows, Space', name: 'In the review: move, throw out or take back' },
  { group: 'Select', keys: 'Enter', name: 'In the review: see the photo large' },
  { group: 'Label', keys: '1 – 9', name: 'Label the selection' },
  { group: 'Model', keys: 'Enter, 1 – 9', name: 'In the review queue: confirm, choose another label' },
]

function Keys(): JSX.Element {
  return (
    <Dialog title="Keys" class="wide">
      <div class="keys">
        {GROUPS.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {Object.values<Command>(COMMANDS)
                .filter((c) => c.group === group)
                .map((c) => (
                  <div key={c.name}>
                    <dt>
                      <kbd>{keyText(c.keys[0]!)}</kbd>
                    </dt>
                    <dd>{c.name}</dd>
                  </div>
                ))}
              {ELSEWHERE.filter((k) => k.group === group).map((k) => (
                <div key={k.name}>
                  <dt>
                    <kbd>{k.keys}</kbd>
                  </dt>
                  <dd>{k.name}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}

function LeftOutList(): JSX.Element {
  const files = photos.value?.left_out ?? []
  return (
    <Dialog title="Left out" class="wide">
      <p>
        {files.length === 0
          ? 'No file was left out: every file of the folder is on the map.'
          : `${number(files.length)} ${files.length === 1 ? 'file was' : 'files were'} not used, each for its reason. The files themselves are untouched.`}
      </p>
      {files.length > 0 && (
        <div class="table-scroll tall" tabIndex={0} role="region" aria-label="Files left out">
          <table class="list">
            <thead>
              <tr>
                <th scope="col">File</th>
                <th scope="col">Reason</th>
              </tr>
            </thead>
            <tbody>
              {files.map(({ path, reason }) => (
                <tr key={path}>
                  <th scope="row">{path}</th>
                  <td>{reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Dialog>
  )
}

const backbones = signal<Backbone[] | null>(null)

const STATES = { ready: 'in use', preparing: 'preparing', waiting: 'waiting', failed: 'failed' } as const

function Sources(): JSX.Element {
  const state = collection.value!
  useEffect(() => {
    void attempt(async () => void (backbones.value = (await home.studio()).backbones))
  }, [])
  const have = new Set(state.sources.map((s) => s.name))
  const add = (name: string | null): void =>
    void attempt(async () => void (collection.value = await api.addSource(name)), 'Could not add it: ')
  return (
    <Dialog title="Sources">
      <p>What the photos are compared by. The layers of all sources stand side by side in the light table.</p>
      <ul class="sources">
        {state.sources.map((s) => (
          <li key={s.name}>
            <b>{headed(s.title)}</b>
            <span class={`state ${s.state}`}>{STATES[s.state]}</span>
            {s.state === 'failed' && (
              <button type="button" class="button small" onClick={() => add(s.name === 'patches' ? null : s.name)}>
                Try again
              </button>
            )}
            {s.message && <small>{headed(s.message)}</small>}
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
        {backbones.value === null && <li class="hint">Asking which networks there are…</li>}
        {backbones.value
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
    </Dialog>
  )
}

function TakeAway(): JSX.Element {
  const labelled = labelledCount.value
  const trained = predictions.value !== null
  const several = collection.value!.models.length > 1
  const noLabels = labelled > 0 ? null : 'Label some photos first.'
  const noModel = trained ? null : 'Train a model first.'
  return (
    <Dialog title="Take away">
      {reportIsOld.value && (
        <p class="note">Labels have changed since the model was trained; its predictions do not know the new ones.</p>
      )}
      <ul class="take">
        <Take file="labels.csv" name="Labels" missing={noLabels}>
          CSV: each of {photosText(labelled)} with its label.
        </Take>
        <Take file="predictions.csv" name="Predictions" missing={noModel}>
          CSV: each photo, its label if it has one, what the model predicts, and how sure it is of each label.
        </Take>
        <Take file="folders.zip" name="Photos in folders" missing={noLabels}>
          Zip: the labelled photos, one folder for each label.
        </Take>
        <Take file="model.zip" name="Model" missing={noModel}>
          {several && `The ${collection.value!.model} one, which is in use. `}
          Unzip it, then: <code>handlens predict MODEL/ PHOTOS/ --out predictions.csv</code>
        </Take>
        <Take file="DATASHEET.md" name="Datasheet" missing={null}>
          Markdown: what these photos are, as far as it is filled in.
        </Take>
        <Take file="review-log.csv" name="Review log" missing={null}>
          CSV: every decision of the review queue, who made it and why.
        </Take>
      </ul>
    </Dialog>
  )
}

interface TakeProps {
  file: ExportedFile
  name: string
  missing: string | null
  children: ComponentChildren
}

function Take({ file, name, missing, children }: TakeProps): JSX.Element {
  return (
    <li>
      <div>
        <b>{name}</b>
        <p>{missing ?? children}</p>
      </div>
      <a
        class="button filled"
        // Without an address a link cannot be followed: the reason stands beside it.
        href={missing ? undefined : api.file(file)}
        download={missing ? undefined : ''}
        role="link"
        aria-disabled={missing !== null}
        aria-label={`Download ${name.toLowerCase()}`}
      >
        <Icon name="take" /> Download
      </a>
    </li>
  )
}

interface AskProps {
  title: string
  label?: string
  value?: string
  action: string
  children?: ComponentChildren
  run: (value: string) => Promise<boolean>
}

/** A question with one field or none, and the button that does it. */
function Ask({ title, label, value, action, children, run }: AskProps): JSX.Element {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.select(), [])
  return (
    <Dialog title={title}>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault()
          const text = input.current?.value.trim() ?? ''
          if (input.current && !text) return
          closeDialog()
          void run(text)
        }}
      >
        {children}
        {label && (
          <label>
            {label}
            <input ref={input} type="text" maxLength={100} defaultValue={value} autocomplete="off" autofocus required />
          </label>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="button filled">
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function Rename({ name }: { name: string }): JSX.Element {
  return <Ask title={`Rename ${name}`} label="New name" value={name} action="Rename" run={(to) => rename(name, to)} />
}

function Merge({ names }: { names: string[] }): JSX.Element {
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

function Delete({ name }: { name: string }): JSX.Element {
  const n = labels.value.names.find((l) => l.name === name)?.count ?? 0
  return (
    <Ask title={`Delete ${name}?`} action="Delete" run={() => remove(name)}>
      <p>
        {photosText(n)} will have no label again. Undo brings {n === 1 ? 'it' : 'them'} back.
      </p>
    </Ask>
  )
}

function Forget({ what }: { what: CollectionSummary }): JSX.Element {
  const n = what.labelled
  return (
    <Ask title={`Forget ${what.name}?`} action="Forget" run={() => forget(what)}>
      <p>
        {n > 0 ? `The labels of ${photosText(n)}, its maps and its model` : 'Its maps'} are deleted from this machine;
        nothing brings them back.
      </p>
      <p>
        {what.copied ? (
          'So are the copies of the photos that Studio made. The photos they were made from stay untouched.'
        ) : (
          <>
            The photos stay untouched in <span class="path">{what.images}</span>.
          </>
        )}
      </p>
    </Ask>
  )
}

function Photo({ id }: { id: number }): JSX.Element {
  const said = predictions.value
  const code = said?.codes[id] ?? -1
  const isSelected = selected.value[id] === 1
  return (
    <Dialog title={nameOf(id)} class="photo-dialog">
      <LookedAt id={id} />
      <p class="about">
        <span>{labelOf(id) === null ? 'No label' : `Label: ${labelOf(id)}`}</span>
        {said && code >= 0 && (
          <span>
            Predicted: {said.names[code]}, {percent(said.probability[id]!)}
          </span>
        )}
        <span class="hint">
          {number(id + 1)} of {number(count.value)}
        </span>
        <span class="actions">
          {/* In a tab of its own: what is selected here stays. */}
          <a class="button" href={kernelPage(api.id, id)} target="_blank" rel="noopener">
            <Icon name="kernel" /> Look through a kernel
          </a>
          {said && code >= 0 && (
            <button type="button" class="button" onClick={() => (dialog.value = { kind: 'contest', id })}>
              Contest…
            </button>
          )}
          <button type="button" class="button" onClick={() => selectIds([id], isSelected ? 'remove' : 'add')}>
            {isSelected ? 'Take from the selection' : 'Add to the selection'}
          </button>
        </span>
      </p>
    </Dialog>
  )
}
