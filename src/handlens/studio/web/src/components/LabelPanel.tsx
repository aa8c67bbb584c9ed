// The labels: make one, use one, see how many each has, and keep them in order.

import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { colourOf, inkOn } from '../colour/palette'
import { PATTERNS, patternOf } from '../map'
import type { LabelCount } from '../server/types'
import { collection, count, projections } from '../state/collection'
import { openDialog } from '../state/dialogs'
import { findPredicted, shards } from '../state/everywhere'
import { assign, ENOUGH, KEYED, labelledCount, labels, matching, pick, picked, saving } from '../state/labels'
import { report } from '../state/model'
import { selectLabel } from '../state/selecting'
import { selectedCount } from '../state/selection'
import { separating, toSeparate } from '../state/separation'
import { theme } from '../state/theme'
import { number, photos as photosText } from '../text/format'
import { CommandButton } from './Button'
import { FindLabel } from './FindLabel'
import { Icon } from './icons'

/** What is typed to find a label. */
const sought = signal('')
const setSought = (text: string): void => {
  sought.value = text
}

/** Gives the label that was found to the selection; the field is left, so that the other keys work again. */
async function take(name: string): Promise<void> {
  if (!(await assign(name))) return
  sought.value = ''
  document.getElementById('find-label')?.blur()
}

export function LabelPanel(): JSX.Element {
  const { names } = labels.value
  const thin = names.filter((l) => l.count < ENOUGH).length
  const many = names.length > KEYED
  const shown = many ? matching(names, sought.value) : names
  return (
    <section class="panel labels" aria-label="Labels">
      <header>
        <h2>Labels</h2>
        <Saved />
      </header>
      <p class="count">
        {number(labelledCount.value)} of {photosText(count.value)} labelled
        {thin > 0 && `, ${thin === names.length ? 'all' : number(thin)} still thin`}
      </p>
      <NewLabel />
      {names.length === 0 ? (
        <p class="empty">
          Look for a map where photos that belong together lie together. Draw around them (<kbd>L</kbd>), throw out the
          odd ones (<kbd>R</kbd>), and name them here (<kbd>N</kbd>). Labels that you have already are imported from a
          file or a folder (<kbd>M</kbd>): drop it on this page.
        </p>
      ) : (
        <>
          {many && (
            <FindLabel
              id="find-label"
              text={sought.value}
              shortcut="G"
              found={shown}
              onText={setSought}
              onTake={take}
            />
          )}
          <ul class="label-list">
            {shown.map((label) => (
              <LabelRow key={label.name} label={label} index={names.indexOf(label)} />
            ))}
          </ul>
        </>
      )}
      {names.length >= 2 && <Picked />}
    </section>
  )
}

function Saved(): JSX.Element {
  const now = saving.value
  return (
    <span class={`saved ${now}`} role="status">
      {now === 'saved' ? <Icon name="check" size={14} /> : null}
      {now === 'saved' ? 'Saved' : now === 'saving' ? 'Saving…' : 'Not saved'}
    </span>
  )
}

interface NewLabelProps {
  id?: string
  name?: string
  /** how many photos it is for */
  n?: number
  /** the name that is offered */
  offered?: string
  give?: (name: string) => Promise<boolean>
}

export function NewLabel(props: NewLabelProps): JSX.Element {
  const { id = 'new-label', name = 'New label', n = selectedCount.value, offered, give = assign } = props
  const input = useRef<HTMLInputElement>(null)
  return (
    <form
      class="new-label"
      onSubmit={(event) => {
        event.preventDefault()
        const field = input.current!
        void give(field.value).then((went) => {
          if (went) field.value = ''
        })
        field.blur()
      }}
    >
      <input
        id={id}
        ref={input}
        type="text"
        defaultValue={offered}
        onFocus={(event) => event.currentTarget.select()}
        autocomplete="off"
        aria-label={name}
        placeholder={n > 0 ? `New label for ${photosText(n)}` : 'New label'}
        data-tip="New label for the selection"
        data-key="N"
        aria-keyshortcuts="n"
      />
      <button type="submit" class="button" aria-disabled={n === 0}>
        Add
      </button>
    </form>
  )
}

/** The label's colour with its key on it; beyond ten colours a frame with a pattern, as on the map. */
export function Swatch({ colour, text }: { colour: number; text: string }): JSX.Element {
  const pattern = patternOf(colour)
  const style =
    pattern === 0
      ? { background: colourOf(colour, theme.value), color: inkOn(colour, theme.value) }
      : { border: `3px ${PATTERNS[pattern]} ${colourOf(colour, theme.value)}` }
  return (
    // The key is drawn by the style sheet: as text it would be a part of the button's visible name.
    <span class="swatch" aria-hidden="true" style={style} data-text={text} />
  )
}

/** The name of the label whose menu is open. */
const menu = signal<string | null>(null)

function LabelRow({ label, index }: { label: LabelCount; index: number }): JSX.Element {
  const row = useRef<HTMLLIElement>(null)
  const { name, count: n, colour } = label
  const open = menu.value === name
  const key = index < 9 ? String(index + 1) : ''
  const selecting = selectedCount.value > 0
  useEffect(() => {
    if (!open) return
    row.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus()
    const away = (event: Event): void => {
      if (!row.current?.contains(event.target as Node)) menu.value = null
    }
    addEventListener('pointerdown', away)
    return () => removeEventListener('pointerdown', away)
  }, [open])
  const choose = (run: () => void) => () => {
    menu.value = null
    run()
  }
  return (
    <li ref={row} class={picked.value.has(name) ? 'picked' : ''}>
      <input
        type="checkbox"
        checked={picked.value.has(name)}
        aria-label={`Pick ${name}`}
        data-tip="Pick to separate or merge"
        onChange={() => pick(name)}
      />
      <button
        type="button"
        class="label-name"
        aria-disabled={!selecting}
        aria-keyshortcuts={key || undefined}
        aria-label={`${name}, ${photosText(n)}`}
        data-tip={
          selecting
            ? `Label ${photosText(selectedCount.value)} ${name}`
            : `${name}: select photos, then click to label them`
        }
        data-key={key}
        onClick={() => void assign(name)}
      >
        <Swatch colour={colour} text={key} />
        <span class="name" dir="auto">
          {name}
        </span>
      </button>
      <span class={`amount ${n < ENOUGH ? 'thin' : ''}`}>
        {number(n)}
        <small>{n < ENOUGH ? 'thin' : 'enough'}</small>
      </span>
      <button
        type="button"
        class="button square small"
        aria-label={`Menu for ${name}`}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => (menu.value = open ? null : name)}
      >
        <Icon name="more" />
      </button>
      {open && (
        <div class="menu" role="menu" aria-label={name} onKeyDown={onMenuKey}>
          <button type="button" role="menuitem" onClick={choose(() => selectLabel(name))}>
            Select its photos
          </button>
          {shards.value && report.value && (
            <button type="button" role="menuitem" onClick={choose(() => void findPredicted(name))}>
              Find it in all {number(shards.value.total)}
            </button>
          )}
          <button type="button" role="menuitem" onClick={choose(() => openDialog({ kind: 'rename', name }))}>
            Rename…
          </button>
          <button type="button" role="menuitem" onClick={choose(() => openDialog({ kind: 'delete', name }))}>
            Delete…
          </button>
        </div>
      )}
    </li>
  )
}

/** Arrows move within an open menu; Esc closes it and gives the focus back to its button. */
export function onMenuKey(event: KeyboardEvent): void {
  const box = event.currentTarget as HTMLElement
  const items = [...box.querySelectorAll<HTMLElement>('[role=menuitem]')]
  const at = items.indexOf(document.activeElement as HTMLElement)
  if (event.key === 'Escape' || event.key === 'Tab') {
    if (event.key === 'Escape') event.preventDefault()
    box.parentElement?.querySelector<HTMLElement>('[aria-haspopup=menu]')?.focus()
    menu.value = null
  } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault()
    items[(at + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length]?.focus()
  }
}

function Picked(): JSX.Element {
  const ticked = labels.value.names.map((l) => l.name).filter((name) => picked.value.has(name))
  const names = toSeparate()
  const apart = collection.value?.separating
  const title = projections.value.find((p) => p.id === 'separate')?.title
  return (
    <div class="picked-actions">
      <CommandButton command="separate" class="two-lines" busy={separating.value}>
        <b>{separating.value ? 'Searching all layers…' : 'Separate'}</b>
        <small>
          {names.length >= 2
            ? `Switch to the projection that maximizes the distance between ${names.length === 2 ? names.join(' and ') : `these ${names.length} labels`}`
            : 'Pick two or more labels for the projection that keeps them apart'}
        </small>
      </CommandButton>
      {ticked.length >= 2 && (
        <button type="button" class="button" onClick={() => openDialog({ kind: 'merge', names: ticked })}>
          Merge {ticked.length} labels…
        </button>
      )}
      {apart && title && (
        <p class="hint">
          “{title}”: {apart.join(' and ')}.
        </p>
      )}
    </div>
  )
}
