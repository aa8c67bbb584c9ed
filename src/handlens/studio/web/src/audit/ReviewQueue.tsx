// The review queue: a person sees one prediction at a time and decides.

import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { Dialog } from '../components/dialogs/Dialog'
import { Icon } from '../components/icons'
import type { Case } from '../server/types'
import { api } from '../state/collection'
import { closeDialog } from '../state/dialogs'
import { predictions } from '../state/model'
import { number, percent } from '../text/format'
import { PersonField } from './PersonField'
import { person } from './person'
import { at, begin, beginning, below, cases, current, decidedCount, go, reset, setBelow, wouldWait } from './queue'
import { ReviewCase } from './ReviewCase'

export function ReviewQueue(): JSX.Element {
  useEffect(() => {
    reset()
    return reset
  }, [])
  return (
    <Dialog title="Review queue" class="wide queue-dialog">
      {cases.value === null ? <Start /> : <Session all={cases.value} />}
    </Dialog>
  )
}

function Start(): JSX.Element {
  if (!predictions.value) {
    return (
      <p class="note">
        There is no model yet whose predictions could wait: label some photos of two kinds, then train.
      </p>
    )
  }
  const n = wouldWait.value
  return (
    <form
      class="queue-start"
      onSubmit={(event) => {
        event.preventDefault()
        if (person.value.trim() && !beginning.value) void begin()
      }}
    >
      <p>
        What the model is not sure of, and what somebody contests, waits here for you. You see one photo at a time, and
        what you decide becomes its label. Every decision is kept in a log that only grows.
      </p>
      <label class="field">
        Predictions less sure than {percent(below.value)} wait
        <input
          type="range"
          min="0.5"
          max="0.99"
          step="0.01"
          value={below.value}
          aria-valuetext={percent(below.value)}
          onInput={(event) => setBelow(Number(event.currentTarget.value))}
        />
        <span class="hint">
          {number(n)} unlabelled {n === 1 ? 'photo' : 'photos'} now, beside what was contested
        </span>
      </label>
      <PersonField label="Your name, for the log" />
      <div class="row">
        <button type="submit" class="button filled" aria-busy={beginning.value}>
          {beginning.value ? 'Opening…' : 'Begin'}
        </button>
      </div>
    </form>
  )
}

function Session({ all }: { all: Case[] }): JSX.Element {
  const now = current.value
  if (all.length === 0) {
    return (
      <>
        <p role="status">
          Nothing waits: no unlabelled photo is predicted with less than {percent(below.value)}, and nothing is
          contested.
        </p>
        <div class="row">
          <button type="button" class="button" onClick={reset}>
            Choose another limit
          </button>
        </div>
      </>
    )
  }
  return (
    <>
      <div class="queue-head">
        <button
          type="button"
          class="button square"
          aria-label="Previous case"
          aria-disabled={at.value === 0}
          onClick={() => go(-1)}
        >
          <Icon name="left" />
        </button>
        <b>{now ? `${number(at.value + 1)} of ${number(all.length)}` : 'Done'}</b>
        <button
          type="button"
          class="button square"
          aria-label="Next case"
          aria-disabled={now === null}
          onClick={() => go(1)}
        >
          <Icon name="right" />
        </button>
        <progress value={decidedCount.value} max={all.length} aria-label="Decided" />
        <span class="hint">{number(decidedCount.value)} decided</span>
      </div>
      {now ? <ReviewCase key={now.id} of={now} /> : <Finished all={all} />}
    </>
  )
}

function Finished({ all }: { all: Case[] }): JSX.Element {
  const left = all.length - decidedCount.value
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => box.current?.focus(), [])
  return (
    <div class="queue-end" ref={box} tabIndex={-1}>
      <p>
        {left === 0
          ? `All ${number(all.length)} are decided, and are labels now.`
          : `That was the last one. ${number(left)} of ${number(all.length)} still wait.`}{' '}
        Train again to let the model learn from them.
      </p>
      <div class="row">
        <a class="button" href={api.file('review-log.csv')} download="" aria-label="Download the log">
          <Icon name="take" /> Log
        </a>
        <button type="button" class="button filled" onClick={closeDialog}>
          Close
        </button>
      </div>
    </div>
  )
}
