// The studies of the folder; where there are none yet, how to begin.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { IconButton } from '../components/Button'
import { isDark, toggleTheme } from '../state/theme'
import { number, plural, when } from '../text/format'
import { Trouble } from './banners/StudyBanners'
import { CopyButton } from './CopyButton'
import type { Studies, Study } from './server'
import { AT_FIRST, writeAddress } from './state/address'
import { go } from './state/place'
import { connected, failed, loadStudies, studies } from './state/study'
import { Status } from './status'

export function StudyList(): JSX.Element {
  useEffect(() => {
    document.title = 'Experiments – handlens'
  }, [])
  const now = studies.value
  return (
    <div class="home experiments-home">
      <header>
        <img src="/favicon.svg" alt="" width="36" height="36" />
        <h1>Experiments</h1>
        <p>Compare trainings with different settings, and see which differences chance could explain.</p>
        <IconButton
          icon={isDark() ? 'sun' : 'moon'}
          name={isDark() ? 'Light theme' : 'Dark theme'}
          onClick={toggleTheme}
        />
      </header>
      <main>
        {!connected.value && <Trouble />}
        {failed.value !== null && (
          <div class="card" role="alert">
            <p>{failed.value}</p>
            <button type="button" class="button filled" onClick={() => void loadStudies()}>
              Try again
            </button>
          </div>
        )}
        {!now ? (
          failed.value === null && <p role="status">Loading…</p>
        ) : (
          <section aria-labelledby="studies">
            <h2 id="studies">Studies</h2>
            {now.studies.length === 0 ? (
              <Begin of={now} />
            ) : (
              <ul class="collections">
                {now.studies.map((study) => (
                  <Card key={study.name} of={study} />
                ))}
              </ul>
            )}
          </section>
        )}
      </main>
      {now && <footer>{now.storage} · Nothing leaves this machine.</footer>}
    </div>
  )
}

function Card({ of }: { of: Study }): JSX.Element {
  const to = { ...AT_FIRST, study: of.name }
  return (
    <li>
      <a
        class="card"
        href={writeAddress(to)}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
          event.preventDefault()
          go(to)
        }}
      >
        <b>{of.name}</b>
        <span>
          {of.metric}, {of.direction === 'minimize' ? 'smaller' : 'larger'} is better
        </span>
        <span>{plural(of.combinations, 'combination')}</span>
        <span class="counts">
          {Object.entries({ ...of.runs, running: of.runs.running - of.lost.length })
            .filter(([, count]) => count > 0)
            .map(([status, count]) => (
              <span key={status}>
                {number(count)} <Status of={status} />
              </span>
            ))}
          {of.lost.length > 0 && <span>{number(of.lost.length)} cut off</span>}
        </span>
        <small>changed {when(new Date(1000 * of.changed).toISOString())}</small>
      </a>
    </li>
  )
}

const isFile = (storage: string): boolean => storage.startsWith('sqlite')

const codeFor = ({ folder, storage }: Studies): string => `from handlens.experiments import Study

study = Study(${JSON.stringify(folder)}, name="first", metric="valid_loss"${isFile(storage) ? '' : `, storage=${JSON.stringify(storage)}`})

def train(trial):
    rate = trial.real("rate", 1e-4, 1e-1, log=True)
    layers = trial.categorical("layers", [[200, 100], [1000, 500]])
    learn = tabular_learner(data, layers=layers, seed=trial.seed)
    learn.fit_one_cycle(5, rate, seed=trial.seed, callbacks=trial.callbacks)
    return learn

study.run(train, n=20, repeats=3)`

function Begin({ of }: { of: Studies }): JSX.Element {
  return (
    <div class="begin">
      <p>
        There is no study in <code>{isFile(of.storage) ? of.folder : of.storage}</code> yet. Write what to train and
        what to choose, and run it: this page shows each run as it comes in.
      </p>
      <Code text={codeFor(of)} />
      <p class="hint">
        With <code>data</code> and the imports of your own training. Save it as <code>script.py</code>, and from the
        shell:
      </p>
      <Code text="python script.py" />
    </div>
  )
}

/** Code with a button that copies it. */
export function Code({ text }: { text: string }): JSX.Element {
  return (
    <div class="code">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the screen is scrolled with keys */}
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={text} />
    </div>
  )
}
