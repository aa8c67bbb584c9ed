// One photo, large, with the model's guess: one key names it, and the next one is there.

import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { answers, guessOf, nameThese, progress, skip, takeBack } from '../../state/batch'
import { fetched } from '../../state/prefetch'
import { number, percent } from '../../text/format'
import { LargePhoto } from '../LargePhoto'
import { Progress } from './Batch'
import { answerKey } from './keys'
import { NameChoices } from './NameChoices'

export function NamePhoto({ photo }: { photo: number }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => box.current?.focus({ preventScroll: true }), [])

  const there = fetched.value.get(photo)
  const guess = guessOf(photo)
  const { done, total } = progress.value
  const place = Math.min(done + 1, total)
  // Nobody names a photo that they have not seen, however fast the keys.
  const ready = there !== undefined
  const give = (name: string): void => {
    if (!ready) return
    box.current?.focus({ preventScroll: true }) // out of the field, so that keys answer again
    nameThese([photo], name)
  }
  const takeGuess = (): void => {
    if (guess) give(guess.name)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (answerKey(event, { field, box, onName: give })) return
    if (event.target instanceof HTMLButtonElement && (event.key === 'Enter' || event.key === ' ')) return
    if (event.key === 'Enter') takeGuess()
    else if (event.key === 'ArrowLeft') {
      if (!event.repeat) void takeBack()
    } else if (event.key === 'ArrowRight' || event.key === ' ') {
      if (!event.repeat) skip()
    } else return
    event.preventDefault()
  }
  return (
    <div class="check" ref={box} tabIndex={-1} role="group" aria-label="Photo to be labelled" onKeyDown={onKeyDown}>
      <Progress text={`${number(place)} of ${number(total)}`} />
      <div class="check-photo" aria-busy={there !== 'picture' && there !== 'broken'} data-photo={photo}>
        <LargePhoto id={photo} alt={`${number(place)} of ${number(total)}`} />
      </div>
      <div class="check-answers">
        {guess ? (
          <button type="button" class="button filled" onClick={takeGuess}>
            <bdi>{guess.name}</bdi>, {percent(guess.probability)} <kbd>Enter</kbd>
          </button>
        ) : (
          <p class="ask">What is it?</p>
        )}
        <NameChoices field={field} guess={guess?.name ?? null} can={ready} onName={give} onEmpty={takeGuess} />
        <div class="check-others">
          <button type="button" class="button" aria-keyshortcuts="ArrowRight" onClick={skip}>
            Skip <kbd>→</kbd>
          </button>
          <button
            type="button"
            class="button"
            aria-keyshortcuts="ArrowLeft"
            aria-disabled={answers.value.length === 0}
            onClick={() => void takeBack()}
          >
            Back <kbd>←</kbd>
          </button>
        </div>
        <p class="hint">
          {guess && 'Enter takes what the model predicts. '}1–9 or a few letters name the photo. Esc closes; what is
          named is saved.
        </p>
      </div>
      <p class="visually-hidden" role="status">
        Photo {number(place)} of {number(total)}
        {guess && `, predicted ${guess.name}`}
      </p>
    </div>
  )
}
