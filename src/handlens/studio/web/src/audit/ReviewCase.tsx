// One case of the review queue: the photo, what speaks for and against the prediction, and the decision.

import type { JSX } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { FindLabel } from '../components/FindLabel'
import { LookedAt } from '../components/HeatMap'
import { Icon } from '../components/icons'
import { Swatch } from '../components/LabelPanel'
import type { Case } from '../server/types'
import { nameOf } from '../state/collection'
import { KEYED, labels, matching } from '../state/labels'
import { owned } from '../state/owned'
import { keyOfChoice } from '../state/spot-check'
import { LabelledNeighbours, Prediction } from './case-evidence'
import { choiceOfKey, choicesOf, decide, deciding, go, nextPhotos, takeBack } from './queue'

const isText = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement && !['checkbox', 'radio'].includes(target.type)

/** The label that is chosen for this case: the predicted one unless the person says otherwise. */
const [chosen, setChosen] = owned('')

export function ReviewCase({ of }: { of: Case }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const other = useRef<HTMLInputElement>(null)
  const reason = useRef<HTMLInputElement>(null)
  const form = useRef<HTMLFormElement>(null)
  const [missing, setMissing] = useState<string | null>(null)
  const [sought, setSought] = useState('')
  useLayoutEffect(() => {
    setChosen(of.predicted)
    box.current?.focus({ preventScroll: true })
  }, [])
  const waits = of.status === 'waiting'
  const choices = choicesOf(labels.value.names, of.predicted)
  const many = choices.length > KEYED
  const shownChoices = many ? matching(choices, sought) : choices

  const choose = (name: string): void => {
    setChosen(name)
    setMissing(null)
    setSought('')
    // Keys, Enter among them, work again; but a contested case needs a reason first.
    if (of.contested && name !== of.predicted) reason.current?.focus()
    else box.current?.focus({ preventScroll: true })
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (isText(event.target)) {
      if (event.key !== 'Escape') return
      event.preventDefault() // Escape leaves the field, not the queue.
      box.current?.focus()
      return
    }
    if (event.target instanceof HTMLSelectElement) return
    const name = choiceOfKey(choices, event.key)
    if (event.key === 'ArrowLeft') go(-1)
    else if (event.key === 'ArrowRight') go(1)
    else if (waits && name !== null) choose(name)
    else if (waits && event.key === '+') other.current?.focus()
    else if (waits && event.key === '/') box.current?.querySelector<HTMLElement>('.find-label input')?.focus()
    else if (waits && event.key === 'Enter' && event.target === box.current) form.current?.requestSubmit()
    else return
    event.preventDefault()
  }
  return (
    <div class="case" ref={box} tabIndex={-1} role="group" aria-label={nameOf(of.photo)} onKeyDown={onKeyDown}>
      <div class="case-photo">
        <LookedAt id={of.photo} next={nextPhotos.value} />
        <p class="hint path">{nameOf(of.photo)}</p>
      </div>
      <div class="case-side">
        <Prediction of={of} />
        <LabelledNeighbours of={of} />
        {waits ? (
          <div class="decide">
            {many && <FindLabel text={sought} found={shownChoices} onText={setSought} onTake={choose} />}
            <form
              class="decide"
              ref={form}
              onSubmit={(event) => {
                event.preventDefault()
                const label = chosen.value.trim()
                const why = reason.current!.value.trim()
                if (!label) return setMissing('Choose the right label.')
                if (!why && of.contested) {
                  setMissing('Give a reason: somebody contested this prediction.')
                  return reason.current!.focus()
                }
                void decide(label, why)
              }}
            >
              <div class="chips" role="group" aria-label="The right label">
                {shownChoices.map((label) => {
                  const key = keyOfChoice(choices.indexOf(label))
                  return (
                    <button
                      type="button"
                      key={label.name}
                      class="chip"
                      title={label.name}
                      aria-keyshortcuts={key || undefined}
                      aria-pressed={chosen.value === label.name}
                      onClick={() => choose(label.name)}
                    >
                      <Swatch colour={label.colour} text={key.toUpperCase()} />
                      <span dir="auto" title={label.name}>
                        {label.name}
                      </span>
                    </button>
                  )
                })}
                <input
                  ref={other}
                  type="text"
                  class="other"
                  placeholder="another label (+)"
                  aria-label="Another label"
                  aria-keyshortcuts="+"
                  autocomplete="off"
                  value={choices.some((label) => label.name === chosen.value) ? '' : chosen.value}
                  onInput={(event) => setChosen(event.currentTarget.value || of.predicted)}
                />
              </div>
              <label class="field">
                {of.contested ? 'Reason' : 'Reason, if you like'}
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
                <kbd>Enter</kbd> confirms, the key of a label and <kbd>Enter</kbd> overrule, <kbd>←</kbd> <kbd>→</kbd>{' '}
                leave it for later
              </p>
            </form>
          </div>
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
