// Photos that the model predicts alike: the wrong ones are marked or named, one key confirms the rest.

import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { answers, batch, confirmRest, type Group, nameThese, takeBack, toggleWrong, wrong } from '../../state/batch'
import { isNarrow } from '../../state/screen'
import { number, percent, photos as photosText } from '../../text/format'
import { PhotoGrid } from '../PhotoGrid'
import { Progress } from './Batch'
import { answerKey } from './keys'
import { NameChoices } from './NameChoices'

/** Pixels of a photo that may be out of view. */
const SOME = 12

/** About the side of a photo, pixels: all of a group are in view where they can be. */
function sizeFor(n: number): number {
  if (isNarrow.value) return n <= 4 ? 160 : n <= 12 ? 104 : 72
  return n <= 6 ? 240 : n <= 12 ? 190 : n <= 24 ? 140 : 82
}

export function ConfirmGroup({ group }: { group: Group & { place: number } }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const field = useRef<HTMLInputElement>(null)
  const [at, setAt] = useState(0)
  /** The photo under the pointer; null while keys move in the grid. */
  const [under, setUnder] = useState<number | null>(null)
  const [first] = useState(group.ids.length) // photos keep their size while some are named
  /** Whether photos below were not in view yet. */
  const [below, setBelow] = useState(false)
  const furthest = useRef(0)
  const grid = (): HTMLElement => box.current!.querySelector<HTMLElement>('.grid')!
  const focusGrid = (): void => grid().focus({ preventScroll: true })
  const look = (): void => {
    if (!box.current) return // told of a grid that has gone meanwhile
    const { scrollTop, clientHeight, scrollHeight } = grid()
    furthest.current = Math.max(furthest.current, scrollTop + clientHeight)
    setBelow(furthest.current < scrollHeight - SOME)
  }
  useLayoutEffect(focusGrid, [])
  // The grid lays itself out once it knows its size.
  useEffect(() => {
    const watch = new ResizeObserver(look)
    watch.observe(grid())
    watch.observe(grid().firstElementChild!)
    return () => watch.disconnect()
  }, [])

  const { name, ids } = group
  const { of, groups } = batch.value!
  const marked = ids.filter((id) => wrong.value.has(id))
  const place = Math.min(at, ids.length - 1)
  const one = under !== null && ids.includes(under) ? under : ids[place]!
  const size = sizeFor(first)
  const rest = ids.length - marked.length
  const nameOnes = (label: string): void => {
    nameThese(marked.length > 0 ? marked : [one], label)
    focusGrid()
  }
  /** Nobody confirms photos that were not in view. */
  const confirm = (): void => {
    if (below) grid().scrollBy({ top: grid().clientHeight - size })
    else confirmRest()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (answerKey(event, { field, box, onName: nameOnes })) {
      if (event.target === field.current && event.key === 'Escape') focusGrid()
      return
    }
    if (event.key.startsWith('Arrow')) setUnder(null)
    if (event.key === 'Enter' && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault()
      event.stopPropagation() // in the grid it would show the photo large
      confirm()
    }
  }
  return (
    <div
      class="check confirm"
      ref={box}
      tabIndex={-1}
      onKeyDownCapture={onKeyDown}
      onScrollCapture={look}
      onPointerMove={(event) => {
        if (event.pointerType !== 'mouse') return
        const option = (event.target as Element).closest('[role=option]')
        setUnder(option ? Number(option.id.replace(/\D+/, '')) : null)
      }}
    >
      <Progress text={`${of === null ? 'Group' : 'Page'} ${number(group.place + 1)} of ${number(groups.length)}`} />
      <div class="confirm-photos">
        <h3>
          {photosText(ids.length)} predicted <b dir="auto">{name}</b>: which are wrong?
        </h3>
        <PhotoGrid
          ids={ids}
          name={`Photos predicted ${name}: Space marks a wrong one`}
          size={size}
          at={place}
          onMove={setAt}
          onPick={toggleWrong}
          look={(id) => ({
            picked: wrong.value.has(id),
            mark: wrong.value.has(id) ? 'out' : undefined,
            said: wrong.value.has(id) ? 'wrong' : sureText(id),
          })}
        />
      </div>
      <div class="check-answers">
        <button type="button" class="button filled" onClick={confirm}>
          {rest === 0
            ? 'All are wrong: name them'
            : below
              ? 'Show the others first'
              : `Confirm ${rest === ids.length ? 'all' : 'the other'} ${number(rest)}: ${name}`}{' '}
          <kbd>Enter</kbd>
        </button>
        <p class="hint">
          {marked.length > 0
            ? `A label for the ${marked.length === 1 ? 'one' : number(marked.length)} marked, or leave ${marked.length === 1 ? 'it' : 'them'}: you name ${marked.length === 1 ? 'it' : 'them'} afterwards.`
            : 'Click the wrong ones (arrow keys and Space). Or point at one and press the key of its label.'}
        </p>
        {/* On a phone the photos need the room until one is wrong. */}
        {(marked.length > 0 || !isNarrow.value) && (
          <NameChoices field={field} guess={name} can onName={nameOnes} onEmpty={confirm} />
        )}
        <div class="check-others">
          <button
            type="button"
            class="button"
            aria-keyshortcuts="Backspace"
            aria-disabled={answers.value.length === 0}
            onClick={() => void takeBack()}
          >
            Back <kbd>Backspace</kbd>
          </button>
        </div>
        <p class="hint">
          The photo of which the model is least sure comes first. Esc closes; what is confirmed is saved.
        </p>
      </div>
    </div>
  )
}

function sureText(id: number): string | undefined {
  const guess = batch.value?.guesses.get(id)
  return guess && `predicted with ${percent(guess.probability)}`
}
