// Labelling a batch of photos: groups to confirm, then photos to name one by one, then the next batch.

import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import {
  batch,
  confirmAll,
  failed,
  labelledHere,
  loading,
  openGroup,
  photosAhead,
  predictedCounts,
  problem,
  progress,
  SUGGESTED,
  send,
  shownPhoto,
  skippedHere,
  stopBatch,
  suggest,
  trainAndSuggest,
  unsent,
} from '../../state/batch'
import { closeDialog } from '../../state/dialogs'
import { report, reportIsOld, train, training } from '../../state/model'
import { canTrain } from '../../state/next-step'
import { wantPhotos } from '../../state/prefetch'
import { number, photos as photosText, plural } from '../../text/format'
import { Dialog } from '../dialogs/Dialog'
import { Icon } from '../icons'
import { ConfirmGroup } from './ConfirmGroup'
import { NamePhoto } from './NamePhoto'

export function Batch({ way }: { way: 'suggested' | 'predicted' }): JSX.Element {
  useEffect(() => {
    if (way === 'suggested') void suggest()
    return stopBatch
  }, [])
  const ahead = photosAhead.value
  useEffect(() => wantPhotos(ahead), [ahead.join()])
  const title = way === 'suggested' ? 'Label the suggested photos' : 'Confirm predictions'
  return (
    <Dialog title={title} class="check-dialog batch-dialog">
      <Content way={way} />
    </Dialog>
  )
}

function Content({ way }: { way: 'suggested' | 'predicted' }): JSX.Element {
  const group = openGroup.value
  const photo = shownPhoto.value
  if (training.value) return <Wait>Training…</Wait>
  if (loading.value) return <Wait>Choosing photos…</Wait>
  if (failed.value !== null) return <Failed reason={failed.value} />
  if (batch.value === null) return way === 'predicted' ? <Choose /> : <Wait>Choosing photos…</Wait>
  // A new key for each group and photo: nothing of the one before is left, such as a name half typed.
  if (group) return <ConfirmGroup key={group.place} group={group} />
  if (photo !== null) return <NamePhoto key={photo} photo={photo} />
  return batch.value.of === null ? <End /> : <EndOfPages />
}

function Wait({ children }: { children: string }): JSX.Element {
  return (
    <div class="check-wait">
      <p role="status">{children}</p>
    </div>
  )
}

/** How far the batch is, and whether its answers arrive. */
export function Progress({ text }: { text: string }): JSX.Element {
  const { done, total } = progress.value
  return (
    <>
      <div class="check-progress">
        <progress value={done} max={Math.max(1, total)} aria-label="Labelled" />
        <b>{text}</b>
      </div>
      <Problem />
    </>
  )
}

function Problem(): JSX.Element | null {
  if (problem.value === null) return null
  const n = unsent.value.length
  return (
    <div class="check-problem" role="alert">
      <Icon name="warn" />
      <span>
        {problem.value}{' '}
        {n > 0 && `${n === 1 ? 'An answer is' : `${number(n)} answers are`} not saved yet; you can go on.`}
      </span>
      {n > 0 && (
        <button
          type="button"
          class="button small"
          onClick={(event) => {
            void send()
            // This button goes; the keys answer on.
            const view = event.currentTarget.closest<HTMLElement>('.check, .check-end')
            ;(view?.querySelector<HTMLElement>('.grid') ?? view)?.focus({ preventScroll: true })
          }}
        >
          Try again
        </button>
      )}
    </div>
  )
}

interface EndProps {
  children: JSX.Element | (JSX.Element | null | false)[]
  /** what Enter does */
  onEnter: () => void
}

/** The end of a batch: Enter goes on, also right after the last photo. */
function Result({ children, onEnter }: EndProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => box.current?.focus({ preventScroll: true }), [])
  return (
    <div
      class="check-end"
      ref={box}
      tabIndex={-1}
      role="group"
      aria-label="Result"
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || event.repeat || event.target !== box.current) return
        event.preventDefault()
        onEnter()
      }}
    >
      <Problem />
      {children}
    </div>
  )
}

const waits = (): string => (skippedHere.value > 0 ? `, ${number(skippedHere.value)} skipped` : '')

function End(): JSX.Element {
  const next = `suggest the next ${number(SUGGESTED)}`
  return (
    <Result onEnter={() => void trainAndSuggest()}>
      <p class="batch-count" role="status">
        {number(labelledHere.value)} labelled{waits()}.
      </p>
      <p>
        {canTrain.value
          ? 'The model learns from them, which takes a moment, and then chooses photos that tell it most.'
          : 'The next ones are typical of photos that have no label yet. With two labels, the model can be trained.'}
      </p>
      <div class="row">
        <button
          type="button"
          class="button filled"
          aria-disabled={unsent.value.length > 0}
          onClick={() => void trainAndSuggest()}
        >
          {canTrain.value ? `Train and ${next}` : `Suggest the next ${number(SUGGESTED)}`} <kbd>Enter</kbd>
        </button>
        <button type="button" class="button" onClick={closeDialog}>
          Close
        </button>
      </div>
    </Result>
  )
}

function EndOfPages(): JSX.Element {
  const next = predictedCounts.value[0]
  const goOn = (): void => void (next ? confirmAll(next.name) : closeDialog())
  return (
    <Result onEnter={goOn}>
      <p class="batch-count" role="status">
        {number(labelledHere.value)} labelled{waits()}.
      </p>
      <div class="row">
        <button type="button" class="button filled" onClick={goOn}>
          {next ? `Confirm ${photosText(next.count)} predicted ${next.name}` : 'Close'} <kbd>Enter</kbd>
        </button>
        {reportIsOld.value && canTrain.value && (
          <button type="button" class="button" onClick={() => void train()}>
            Train again first
          </button>
        )}
        {next && (
          <button type="button" class="button" onClick={closeDialog}>
            Close
          </button>
        )}
      </div>
    </Result>
  )
}

/** Which label's predictions are confirmed. */
function Choose(): JSX.Element {
  const groups = predictedCounts.value
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => box.current?.focus({ preventScroll: true }), [])
  if (groups.length === 0) {
    const why = report.value === null ? 'Train first: then predictions can be confirmed.' : NOTHING
    return <Failed reason={why} />
  }
  return (
    <div class="check-end" ref={box} tabIndex={-1} role="group" aria-label="Which label">
      <p>
        Photos without a label, by what the model predicts. You see them in pages, the least sure first, and take out
        the wrong ones; you can stop after any page.
      </p>
      <div class="batch-groups">
        {groups.map(({ name, count }) => (
          <button type="button" key={name} class="button" onClick={() => void confirmAll(name)}>
            <span>{name}</span>
            <small>{plural(count, 'photo')}</small>
          </button>
        ))}
      </div>
    </div>
  )
}

const NOTHING = 'No photo is left whose prediction could be confirmed.'

function Failed({ reason }: { reason: string }): JSX.Element {
  return (
    <div class="check-wait">
      <p role="alert">{reason}</p>
      <div class="row">
        <button type="button" class="button filled" onClick={closeDialog}>
          Close
        </button>
      </div>
    </div>
  )
}
