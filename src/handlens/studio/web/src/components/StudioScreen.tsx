// The labelling screen. Everything is on this one screen.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { listenToKeys } from '../keyboard/keys'
import { collection, fatal, folderGone } from '../state/collection'
import { openDialog } from '../state/dialogs'
import { labelledCount } from '../state/labels'
import { isNarrow, type Sheet, setSheet, sheet } from '../state/screen'
import { open } from '../state/sync'
import { setTable, table } from '../state/view'
import { number } from '../text/format'
import { Banners } from './Banners'
import { IconButton } from './Button'
import { DropLabels } from './DropLabels'
import { Asking } from './dialogs/Asking'
import { Dialogs } from './dialogs/Dialogs'
import { FilterBar } from './FilterBar'
import { Guide } from './Guide'
import { Icon, type IconName } from './icons'
import { LabelPanel } from './LabelPanel'
import { LightTable } from './LightTable'
import { MapPane } from './MapPane'
import { Messages } from './Messages'
import { ModelPanel } from './ModelPanel'
import { ReviewDrawer } from './ReviewDrawer'
import { Tooltip } from './Tooltip'
import { More, TopBar } from './TopBar'

export function StudioScreen({ id }: { id: string }): JSX.Element {
  useEffect(() => void open(id), [id])
  useEffect(listenToKeys, [])
  if (fatal.value !== null) return <CouldNotOpen reason={fatal.value} />
  if (!collection.value) {
    return (
      <main class="opening">
        <h1>
          <span role="status">Opening…</span>
        </h1>
      </main>
    )
  }
  return (
    <>
      <SkipLinks />
      {isNarrow.value ? <Narrow /> : <Wide />}
      <Dialogs />
      <Asking />
      <DropLabels />
      <Messages />
      <Tooltip />
    </>
  )
}

/** The first stops of Tab, seen only there: over the top bar and the light table to where the work is. */
function SkipLinks(): JSX.Element {
  const to = (id: string, on: Sheet) => () => {
    if (isNarrow.value) setSheet(on)
    setTimeout(() => document.getElementById(id)?.focus()) // once the sheet is drawn
  }
  return (
    <nav class="skip" aria-label="Skip">
      <button type="button" onClick={to('photos', 'map')}>
        To the map
      </button>
      <button type="button" onClick={to('new-label', 'labels')}>
        To the labels
      </button>
    </nav>
  )
}

function Wide(): JSX.Element {
  const hidden = table.value === 'hidden'
  return (
    <div class={`studio wide-screen table-${table.value}`}>
      <TopBar />
      <Banners />
      {hidden ? (
        <aside class="side left folded" aria-label="Maps">
          <IconButton icon="right" name="Show the light table" onClick={() => setTable('shown')} />
        </aside>
      ) : (
        <aside class="side left" aria-label="Maps">
          <LightTable />
        </aside>
      )}
      <div class="centre">
        <FilterBar />
        <MapPane />
        <ReviewDrawer />
      </div>
      <aside class="side right" aria-label="Labels and model">
        <Guide />
        <LabelPanel />
        <ModelPanel />
      </aside>
    </div>
  )
}

const TABS: { sheet: Sheet; name: string; icon: IconName }[] = [
  { sheet: 'map', name: 'Map', icon: 'map' },
  { sheet: 'layers', name: 'Light table', icon: 'layers' },
  { sheet: 'labels', name: 'Labels', icon: 'tag' },
  { sheet: 'more', name: 'More', icon: 'more' },
]

function Narrow(): JSX.Element {
  const now = sheet.value
  return (
    <div class="studio narrow-screen">
      <TopBar />
      <Banners />
      <div class="centre">
        <FilterBar />
        <MapPane />
        {now === 'map' && <ReviewDrawer />}
        {now !== 'map' && (
          <div class="sheet" id="sheet" key={now}>
            {now === 'layers' && <LightTable />}
            {now === 'labels' && (
              <>
                <LabelPanel />
                <ModelPanel />
              </>
            )}
            {now === 'more' && (
              <section class="more" aria-label="More">
                <More />
              </section>
            )}
          </div>
        )}
      </div>
      <Guide />
      <nav class="tabs" aria-label="Panels">
        {TABS.map((tab) => (
          <button
            type="button"
            key={tab.sheet}
            aria-pressed={now === tab.sheet}
            onClick={() => {
              setSheet(now === tab.sheet ? 'map' : tab.sheet)
            }}
          >
            <Icon name={tab.icon} />
            <span>
              {tab.sheet === 'labels' && labelledCount.value > 0 ? `Labels · ${number(labelledCount.value)}` : tab.name}
            </span>
          </button>
        ))}
      </nav>
    </div>
  )
}

function CouldNotOpen({ reason }: { reason: string }): JSX.Element {
  return (
    <>
      <main class="opening">
        <h1>This collection could not be opened</h1>
        <p role="alert">{reason}</p>
        <p class="actions">
          <button type="button" class="button filled" onClick={() => location.reload()}>
            Try again
          </button>
          {folderGone.value && (
            <button type="button" class="button" onClick={() => openDialog({ kind: 'locate' })}>
              Locate folder…
            </button>
          )}
          <a class="button" href="/">
            All collections
          </a>
        </p>
      </main>
      <Dialogs />
    </>
  )
}
