// The review queue: a person sees one prediction at a time, with what speaks for it, and decides.

import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Dialog } from '../components/dialogs/Dialog'
import { LookedAt } from '../components/HeatMap'
import { Icon } from '../components/icons'
import { Swatch } from '../components/LabelPanel'
import type { Case, LabelledNeighbour } from '../server/types'
import { api, nameOf } from '../state/collection'
import { closeDialog } from '../state/dialogs'
import { labels } from '../state/labels'
import { sentenceOf } from '../state/messages'
import { predictions } from '../state/model'
import { number, percent } from '../text/format'
import { person, setPerson } from './person'
import {
  at,
  begin,
  beginning,
  below,
  cases,
  confidenceOf,
  current,
  decide,
  decidedCount,
  deciding,
  go,
  reset,
  setBelow,
  takeBack,
  wouldWait,
} from './queue'

const MOST_CLASSES = 5

export function ReviewQueue(): JSX.Element {
  useEffect(() => {
    reset()
    return reset
  }, [])
  return (
    <Dialog title="Review queue" class="wide queue-dialog">
      {cases.value === null ? <Start /> : <Sitting all={cases.value} />}
    </Dialog>
  )
}

export function Name({ label }: { label: string }): JSX.Element {
  return (
    <label class="field">
      {label}
      <input
        type="text"
        required
        maxLength={200}
        autocomplete="name"
        value={person.value}
        onInput={(event) => setPerson(event.currentTarget.value)}
      />
    </label>
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
      <Name label="Your name, for the log" />
      <div class="row">
        <button type="submit" class="button filled" aria-busy={beginning.value}>
          {beginning.value ? 'Opening…' : 'Begin'}
        </button>
      </div>
    </form>
  )
}

function Sitting({ all }: { all: Case[] }): JSX.Element {
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
      {now ? <TheCase key={now.id} of={now} /> : <Finished all={all} />}
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

const isText = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement && !['checkbox', 'radio'].includes(target.type)

/** The label that is chosen for the case at hand: the predicted one unless the person says otherwise. */
const chosen = signal('')

function TheCase({ of }: { of: Case }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const reason = useRef<HTMLInputElement>(null)
  const form = useRef<HTMLFormElement>(null)
  const [missing, setMissing] = useState<string | null>(null)
  useLayoutEffect(() => {
    chosen.value = of.predicted
    box.current?.focus({ preventScroll: true })
  }, [])
  const waits = of.status === 'waiting'
  const names = labels.value.names.map((l) => l.name)
  const choices = names.includes(of.predicted) ? names : [...names, of.predicted]

  const choose = (name: string): void => {
    chosen.value = name
    setMissing(null)
    if (name !== of.predicted) reason.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || isText(event.target)) return
    if (event.target instanceof HTMLSelectElement) return
    const name = /^[1-9]$/.test(event.key) ? choices[Number(event.key) - 1] : undefined
    if (event.key === 'ArrowLeft') go(-1)
    else if (event.key === 'ArrowRight') go(1)
    else if (waits && name !== undefined) choose(name)
    else if (waits && event.key === 'Enter' && event.target === box.current) form.current?.requestSubmit()
    else return
    event.preventDefault()
  }
  return (
    <div class="case" ref={box} tabIndex={-1} role="group" aria-label={nameOf(of.photo)} onKeyDown={onKeyDown}>
      <div class="case-photo">
        <LookedAt id={of.photo} />
        <p class="hint path">{nameOf(of.photo)}</p>
      </div>
      <div class="case-side">
        <Said of={of} />
        <Alike of={of} />
        {waits ? (
          <form
            class="decide"
            ref={form}
            onSubmit={(event) => {
              event.preventDefault()
              const label = chosen.value.trim()
              const why = reason.current!.value.trim()
              if (!label) return setMissing('Say which label is right.')
              if (!why && (label !== of.predicted || of.contested)) {
                setMissing(of.contested ? 'Whoever contested it is owed a reason.' : 'Say why the prediction is wrong.')
                return reason.current!.focus()
              }
              void decide(label, why)
            }}
          >
            <div class="chips" role="group" aria-label="The right label">
              {choices.map((name, i) => (
                <button
                  type="button"
                  key={name}
                  class="chip"
                  aria-pressed={chosen.value === name}
                  onClick={() => choose(name)}
                >
                  <Swatch colour={labels.value.names[i]?.colour ?? i} text={i < 9 ? String(i + 1) : ''} />
                  {name}
                </button>
              ))}
              <input
                type="text"
                class="other"
                placeholder="another label"
                aria-label="Another label"
                maxLength={100}
                autocomplete="off"
                value={choices.includes(chosen.value) ? '' : chosen.value}
                onInput={(event) => (chosen.value = event.currentTarget.value || of.predicted)}
              />
            </div>
            <label class="field">
              {of.contested || chosen.value !== of.predicted ? 'Reason' : 'Reason, if you like'}
              <input
                ref={reason}
                type="text"
                maxLength={5000}
                autocomplete="off"
                aria-invalid={missing !== null}
                aria-describedby="missing"
                onInput={() => setMissing(null)}
              />
            </label>
            <p id="missing" class="problem" role="alert">
              {missing}
            </p>
            <button type="submit" class="button filled" aria-busy={deciding.value} data-key="Enter">
              {chosen.value === of.predicted ? `Confirm ${of.predicted}` : `Overrule: ${chosen.value || '…'}`}
            </button>
            <p class="hint keys-hint">
              <kbd>Enter</kbd> confirms, <kbd>1</kbd>–<kbd>9</kbd> choose, <kbd>←</kbd> <kbd>→</kbd> leave it for later
            </p>
          </form>
        ) : (
          <div class="decided">
            <p>
              {of.status === 'confirmed' ? 'Confirmed' : 'Overruled'}: <b>{of.label}</b>, by {of.by}
              {of.reason && `: ${of.reason}`}
            </p>
            <button type="button" class="button" aria-busy={deciding.value} onClick={() => void takeBack()}>
              <Icon name="undo" /> Take it back
            </button>
          </div>
        )}
      </div>
    </div>
  )
}

function Said({ of }: { of: Case }): JSX.Element {
  const all = Object.entries(of.probabilities).sort((a, b) => b[1] - a[1])
  return (
    <div class="said">
      <p>
        Predicted <b>{of.predicted}</b>, {percent(confidenceOf(of))}
        {of.contested && <small class="flag"> contested</small>}
      </p>
      {of.contested &&
        of.why
          .filter((text) => text.startsWith('contested'))
          .map((text) => (
            <p class="note" key={text}>
              {text}
            </p>
          ))}
      <table>
        <caption class="visually-hidden">Probability of each label</caption>
        <tbody>
          {all.slice(0, MOST_CLASSES).map(([name, p]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="bar" aria-hidden="true">
                <i style={{ width: `${p * 100}%` }} />
              </td>
              <td>{percent(p)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Alike({ of }: { of: Case }): JSX.Element {
  const [found, setFound] = useState<LabelledNeighbour[] | { error: string } | null>(null)
  useEffect(() => {
    let over = false
    api.nearestLabelled(of.id).then(
      (near) => !over && setFound(near),
      (error: unknown) => !over && setFound({ error: sentenceOf(error) }),
    )
    return () => {
      over = true
    }
  }, [of.id])
  return (
    <section class="alike" aria-label="Labelled photos most like it" aria-busy={found === null}>
      <h3>Labelled photos most like it</h3>
      {found !== null && 'error' in found ? (
        <p class="problem" role="alert">
          {found.error}
        </p>
      ) : (
        <ul>
          {(found ?? []).map(({ photo, label }) => (
            <li key={photo}>
              <img src={api.thumb(photo)} alt={`${nameOf(photo)}, ${label}`} />
              <small aria-hidden="true">{label}</small>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
