// The first page: the collections there are, and the form for a new one.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { home } from '../server/api'
import type { CollectionSummary } from '../server/types'
import { followCopying } from '../state/copying'
import { openDialog } from '../state/dialogs'
import { failed, info, loadHome } from '../state/home'
import { say } from '../state/messages'
import { isDark, toggleTheme } from '../state/theme'
import { labelFileText } from '../text/dropped'
import { number, photos as photosText, when } from '../text/format'
import { IconButton } from './Button'
import { Dialogs } from './dialogs/Dialogs'
import { Messages } from './Messages'
import { CopyingNow } from './new-collection/CopyingNow'
import { NewCollection } from './new-collection/NewCollection'
import { takeDrops } from './stray-drops'
import { Tooltip } from './Tooltip'

export function HomeScreen(): JSX.Element {
  useEffect(() => {
    void loadHome()
    void followCopying()
  }, [])
  useEffect(sayWhereLabelsGo, [])
  const now = info.value
  return (
    <div class="home">
      <header>
        <img src="/favicon.svg" alt="" width="36" height="36" />
        <h1>Studio</h1>
        <p>Label thousands of photos in minutes, and take away labels, a model and its predictions.</p>
        <IconButton
          icon={isDark() ? 'sun' : 'moon'}
          name={isDark() ? 'Light theme' : 'Dark theme'}
          onClick={toggleTheme}
        />
      </header>
      <main>
        {failed.value !== null ? (
          <div class="card" role="alert">
            <p>{failed.value}</p>
            <button type="button" class="button filled" onClick={() => void loadHome()}>
              Try again
            </button>
          </div>
        ) : !now ? (
          <p role="status">Loading…</p>
        ) : (
          <>
            <section aria-labelledby="collections">
              <h2 id="collections">Collections</h2>
              {now.collections.length === 0 ? (
                <p class="empty">
                  None yet. Make the first one below: a folder of yours, or a built-in one to look around.
                </p>
              ) : (
                <ul class="collections">
                  {now.collections.map((c) => (
                    <Card key={c.id} of={c} />
                  ))}
                </ul>
              )}
            </section>
            <section aria-labelledby="new">
              <h2 id="new">New collection</h2>
              <NewCollection info={now} />
              <CopyingNow />
            </section>
          </>
        )}
        <section aria-labelledby="understand">
          <h2 id="understand">Understand</h2>
          <ul class="collections">
            <li>
              <a class="card" href="/kernel">
                <b>Kernel</b>
                <span>Move a 3 × 3 window over a picture and see a convolution happen, number by number.</span>
              </a>
            </li>
          </ul>
        </section>
      </main>
      <footer>{now && `handlens ${now.version}`} · Nothing leaves this machine.</footer>
      <Dialogs />
      <Messages />
      <Tooltip />
    </div>
  )
}

/** A file with labels is for a collection that there is already; beside the place for photos it would be dropped in vain. */
const sayWhereLabelsGo = (): (() => void) =>
  takeDrops({
    wanted: () => true,
    over: () => undefined,
    dropped: (files) => {
      const text = labelFileText(files)
      if (text !== null) say(text)
    },
  })

function Card({ of }: { of: CollectionSummary }): JSX.Element {
  const share = of.count > 0 ? of.labelled / of.count : 0
  return (
    <li>
      <a class="card" href={`/c/${encodeURIComponent(of.id)}`}>
        {of.prepared > 0 ? (
          <img class="cover" src={home.cover(of.id, Math.min(of.prepared, 8))} alt="" width="256" height="128" />
        ) : (
          <i class="cover" aria-hidden="true" />
        )}
        <b>{of.name}</b>
        {of.fault ? (
          <small class="fault">{of.fault}</small>
        ) : (
          <>
            <span>
              {photosText(of.count)} · {number(of.labelled)} labelled
              {of.prepared < of.count && ` · ${number(of.prepared)} prepared`}
            </span>
            <small title={of.images}>{of.images}</small>
            {of.folder_gone && <small class="fault">This folder is gone (unplugged?).</small>}
            <small>{when(of.opened_at)}</small>
            <i class="share" aria-hidden="true">
              <i style={{ width: `${share * 100}%` }} />
            </i>
          </>
        )}
      </a>
      <IconButton
        icon="bin"
        name={`Forget ${of.name}`}
        class="small"
        onClick={() => openDialog({ kind: 'forget', what: of })}
      />
    </li>
  )
}
