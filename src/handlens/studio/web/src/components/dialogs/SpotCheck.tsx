// The spot check: one photo at a time, large, and a key for each label. Nothing here tells what the model predicts.

import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { SpotCheckAnswer } from '../../server/types'
import { matching, nameToUse } from '../../state/labels'
import { fetched, wantPhotos } from '../../state/prefetch'
import {
  answer,
  answerOfKey,
  answerText,
  canGoBack,
  choices,
  drawing,
  drawPhotos,
  earlierAnswer,
  finished,
  goBack,
  goOn,
  keyOfChoice,
  keysMislead,
  nextPhotos,
  problem,
  progress,
  secondsLeft,
  send,
  shownPhoto,
  startCheck,
  stopCheck,
  unsent,
} from '../../state/spot-check'
import { duration, number } from '../../text/format'
import { CheckResult } from '../CheckResult'
import { FindLabel } from '../FindLabel'
import { Icon } from '../icons'
import { Swatch } from '../LabelPanel'
import { LargePhoto } from '../LargePhoto'
import { Dialog } from './Dialog'

export function SpotCheck({ draw }: { draw?: number }): JSX.Element {
  // Before anything is seen: the result of an earlier check would be shown for a moment.
  useLayoutEffect(() => {
    void startCheck(draw)
    return stopCheck
  }, [])
  const photo = shownPhoto.value
  return (
    <Dialog title="Spot check" class="check-dialog">
      {photo !== null ? <Asking photo={photo} /> : finished.value ? <End /> : <NotYet />}
    </Dialog>
  )
}

/** While photos are drawn or the answers counted, or when that failed. */
function NotYet(): JSX.Element {
  const failed = problem.value !== null && !drawing.value && unsent.value.length === 0
  return (
    <div class="check-wait">
      <Problem />
      {failed ? (
        <button type="button" class="button" onClick={() => void drawPhotos()}>
          Try again
        </button>
      ) : (
        <p role="status">{drawing.value ? 'Drawing photos at random…' : 'Counting…'}</p>
      )}
    </div>
  )
}

function Problem(): JSX.Element | null {
  if (problem.value === null) return null
  const n = unsent.value.length
  return (
    <div class="check-problem" role="alert">
      <Icon name="warn" />
      <span>
        {problem.value} {n > 0 && `${n === 1 ? 'An answer is' : `${number(n)} answers are`} not saved yet.`}
      </span>
      {n > 0 && (
        <button type="button" class="button small" onClick={() => void send()}>
          Try again
        </button>
      )}
    </div>
  )
}

function Asking({ photo }: { photo: number }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const field = useRef<HTMLInputElement>(null)
  const [sought, setSought] = useState('')
  const { place, total } = progress.value
  const earlier = earlierAnswer.value
  // Nobody answers a photo that they have not seen, however fast the keys.
  const there = fetched.value.get(photo)
  const ready = there === 'picture' || there === 'broken'
  const wanted = [photo, ...nextPhotos.value]
  useEffect(() => wantPhotos(wanted), [wanted.join()])
  useLayoutEffect(() => box.current?.focus({ preventScroll: true }), [])

  const give = (what: SpotCheckAnswer): void => {
    if (!ready) return
    setSought('')
    box.current?.focus({ preventScroll: true }) // out of a field, so that keys answer again
    answer(what)
  }
  const giveLabel = (label: string): void => give({ answer: 'label', label })
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return
    if (event.target instanceof HTMLInputElement) {
      if (event.key === 'Escape') {
        event.preventDefault() // Escape leaves the field, not the check.
        box.current?.focus()
      }
      return
    }
    const what = answerOfKey(event.key.toLowerCase())
    if (event.key === 'ArrowLeft' || event.key === 'Backspace') goBack()
    else if (event.key === 'ArrowRight') goOn()
    else if (event.key === '+' || event.key === '=') field.current?.focus()
    else if (event.key === '/') box.current?.querySelector<HTMLElement>('.find-label input')?.focus()
    else if (what) give(what)
    else return
    event.preventDefault()
  }
  const all = choices.value
  const many = all.some((_, i) => keyOfChoice(i) === '')
  const shown = many ? matching(all, sought) : all
  const chosen = earlier?.answer === 'label' ? earlier.label : null
  return (
    <div
      class="check"
      ref={box}
      tabIndex={-1}
      autofocus
      role="group"
      aria-label="Photo to be labelled"
      onKeyDown={onKeyDown}
    >
      <div class="check-progress">
        <progress value={progress.value.answered} max={Math.max(1, total)} aria-label="Answered" />
        <b>
          {number(place)} of {number(total)}
        </b>
        {secondsLeft.value !== null && <span class="hint">about {duration(secondsLeft.value)} left</span>}
      </div>
      <Problem />
      <div class="check-photo" aria-busy={!ready}>
        <LargePhoto id={photo} alt={`${number(place)} of ${number(total)}`} />
        {there === 'broken' && <p class="hint">Answer “unsure”.</p>}
      </div>
      <div class="check-answers">
        <p class="ask">{earlier ? `You said: ${answerText(earlier)}. What is it?` : 'What is it?'}</p>
        {keysMislead.value && (
          <p class="note">Some labels are called like the key of another one: press the key in the coloured square.</p>
        )}
        {many && <FindLabel text={sought} found={shown} onText={setSought} onTake={giveLabel} />}
        <div class="check-labels" role="group" aria-label="Labels">
          {shown.map((label) => {
            const { name, colour } = label
            const key = keyOfChoice(all.indexOf(label))
            return (
              <button
                type="button"
                key={name}
                class="button"
                aria-keyshortcuts={key || undefined}
                aria-pressed={earlier ? name === chosen : undefined}
                onClick={() => giveLabel(name)}
              >
                <Swatch colour={colour} text={key.toUpperCase()} />
                <span dir="auto" title={name}>
                  {name}
                </span>
              </button>
            )
          })}
        </div>
        <form
          class="new-label"
          onSubmit={(event) => {
            event.preventDefault()
            const name = field.current!.value.trim()
            if (!name || !ready) return
            void nameToUse(name).then((label) => {
              if (label === null) return
              field.current!.value = ''
              giveLabel(label)
            })
          }}
        >
          <input
            ref={field}
            type="text"
            autocomplete="off"
            aria-label="Another label"
            aria-keyshortcuts="+"
            placeholder="Another label (+)"
          />
          <button type="submit" class="button">
            Add
          </button>
        </form>
        <div class="check-others">
          <button type="button" class="button" aria-keyshortcuts="n" onClick={() => give({ answer: 'none' })}>
            None of these <kbd>N</kbd>
          </button>
          <button type="button" class="button" aria-keyshortcuts="u" onClick={() => give({ answer: 'unsure' })}>
            Unsure <kbd>U</kbd>
          </button>
          <button
            type="button"
            class="button"
            aria-keyshortcuts="ArrowLeft"
            aria-disabled={!canGoBack.value}
            onClick={goBack}
          >
            Back <kbd>←</kbd>
          </button>
          {earlier && (
            <button type="button" class="button" aria-keyshortcuts="ArrowRight" onClick={goOn}>
              Keep it <kbd>→</kbd>
            </button>
          )}
        </div>
        <p class="hint">
          Say what you see; what the model says is not shown. Your answer becomes the photo’s label. Esc closes; it goes
          on later where it was.
        </p>
      </div>
      <p class="visually-hidden" role="status">
        Photo {number(place)} of {number(total)}
        {earlier && `, answered ${answerText(earlier)}`}
      </p>
    </div>
  )
}

function End(): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => box.current?.focus({ preventScroll: true }), [])
  return (
    <div class="check-end" ref={box} tabIndex={-1} role="group" aria-label="Result">
      <Problem />
      <CheckResult />
    </div>
  )
}
