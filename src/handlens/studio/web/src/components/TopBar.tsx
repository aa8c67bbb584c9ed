// The top bar: undo, redo, find similar, how many are shown, and the page's dialogs. On a narrow
// screen the second half moves to the sheet "More".

import type { JSX } from 'preact'
import { collection, count } from '../state/collection'
import { type Dialog, openDialog } from '../state/dialogs'
import { sampleText } from '../state/everywhere'
import { labels } from '../state/labels'
import { searching } from '../state/review'
import { isNarrow } from '../state/screen'
import { searchesWith } from '../state/text-search'
import { isDark, toggleTheme } from '../state/theme'
import { bar, setShown, shown } from '../state/view'
import { number, photos as photosText } from '../text/format'
import { CommandButton, IconButton } from './Button'
import { Icon } from './icons'
import { ColourBy, Meaning } from './Legend'

export function TopBar(): JSX.Element {
  const state = collection.value!
  return (
    <header class="top-bar">
      <a class="button square" href="/" aria-label="All collections" data-tip="All collections">
        <Icon name="home" />
      </a>
      <h1 title={state.images}>
        {state.name} <small>{sampleText.value || photosText(state.count)}</small>
      </h1>
      <span class="grow" />
      <CommandButton command="undo" icon="undo" hint={labels.value.undo} />
      <CommandButton command="redo" icon="redo" hint={labels.value.redo} />
      <CommandButton command="similar" icon="similar" busy={searching.value} class="find">
        <span>{searching.value ? 'Searching…' : 'Find similar'}</span>
      </CommandButton>
      {!isNarrow.value && <More />}
    </header>
  )
}

const SHOWS = [500, 2000]

/** "show 500 / 2,000 / all" */
function ShowHowMany(): JSX.Element {
  const n = count.value
  const own = typeof shown.value === 'number' && !SHOWS.includes(shown.value) ? [shown.value] : []
  const choices = [...SHOWS, ...own].sort((a, b) => a - b).filter((k) => k < n)
  const value = shown.value === 'all' || shown.value >= n ? 'all' : String(shown.value)
  return (
    <label class="show" data-tip="How many photos the map shows, chosen at random">
      Show
      <select
        aria-label="How many photos to show"
        value={value}
        onChange={(event) => {
          const chosen = event.currentTarget.value
          setShown(chosen === 'all' ? 'all' : Number(chosen))
        }}
      >
        {choices.map((k) => (
          <option key={k} value={k}>
            {number(k)}
          </option>
        ))}
        <option value="all">all {number(n)}</option>
      </select>
    </label>
  )
}

const show = (what: Dialog) => () => void openDialog(what)

/** Controls that are not needed all the time; on the sheet of a narrow screen they have text. */
export function More(): JSX.Element {
  const withText = isNarrow.value
  const text = (name: string): string | undefined => (withText ? name : undefined)
  const out = collection.value!.left_out
  return (
    <>
      <ShowHowMany />
      {withText && <ColourBy />}
      {withText && <Meaning />}
      {searchesWith.value !== null && (
        <CommandButton command="search" icon="search">
          Search
        </CommandButton>
      )}
      <CommandButton command="filter" icon="filter" on={bar.value !== null}>
        Filter
      </CommandButton>
      <IconButton icon="layers" name="Sources" text="Sources" onClick={show({ kind: 'sources' })} />
      {out > 0 && (
        <IconButton
          icon="excluded"
          name={`Left out: ${number(out)}`}
          text={withText ? `Left out: ${number(out)}` : number(out)}
          onClick={show({ kind: 'left-out' })}
        />
      )}
      <CommandButton command="importLabels" icon="upload">
        Import labels
      </CommandButton>
      <IconButton icon="take" name="Take away" text="Take away" onClick={show({ kind: 'take-away' })} />
      <CommandButton command="help" icon="help">
        {text('Help')}
      </CommandButton>
      <IconButton
        icon={isDark() ? 'sun' : 'moon'}
        name={isDark() ? 'Light theme' : 'Dark theme'}
        text={text(isDark() ? 'Light theme' : 'Dark theme')}
        onClick={toggleTheme}
      />
    </>
  )
}
