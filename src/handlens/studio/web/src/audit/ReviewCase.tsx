// One case of the review queue: the photo, what speaks for and against the prediction, and the decision.

import type { JSX } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { LookedAt } from '../components/HeatMap'
import { Icon } from '../components/icons'
import { Swatch } from '../components/LabelPanel'
import type { Case } from '../server/types'
import { nameOf } from '../state/collection'
import { labels } from '../state/labels'
import { owned } from '../state/owned'
import { LabelledNeighbours, Prediction } from './case-evidence'
import { decide, deciding, go, takeBack } from './queue'

const isText = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement && !['checkbox', 'radio'].includes(target.type)

/** The label that is chosen for this case: the predicted one unless the person says otherwise. */
const [chosen, setChosen] = owned('')

export function ReviewCase({ of }: { of: Case }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const reason = useRef<HTMLInputElement>(null)
  const form = useRef<HTMLFormElement>(null)
  const [missing, setMissing] = useState<string | null>(null)
  useLayoutEffect(() => {
    setChosen(of.predicted)
    box.current?.focus({ preventScroll: true })
  }, [])
  const waits = of.status === 'waiting'
  const names = labels.value.names.map((l) => l.name)
  const choices = names.includes(of.predicted) ? names : [...names, of.predicted]

  const choose = (name: string): void => {
    setChosen(name)
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
        <Prediction of={of} />
        <LabelledNeighbours of={of} />
        {waits ? (
          <form
            class="decide"
            ref={form}
            onSubmit={(event) => {
              event.preventDefault()
              const label = chosen.value.trim()
              const why = reason.current!.value.trim()
              if (!label) return setMissing('Choose the right label.')
              if (!why && (label !== of.predicted || of.contested)) {
                setMissing(
                  of.contested
                    ? 'Give a reason: somebody contested this prediction.'
                    : 'Give a reason: why is the prediction wrong?',
                )
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
                onInput={(event) => setChosen(event.currentTarget.value || of.predicted)}
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
