// One run: its status, its error, its curves, what it was made with, and what it printed.

import { effect, useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { IconButton } from '../../components/Button'
import { announce, sentenceOf } from '../../state/messages'
import { isNarrow } from '../../state/screen'
import { duration, number } from '../../text/format'
import { RunActions } from '../actions/RunActions'
import { CopyButton } from '../CopyButton'
import { figure } from '../scale'
import { type Detail, experiments } from '../server'
import { shown } from '../state/filter'
import { calledAs, closeRun, ordered, stepRun } from '../state/looked-at'
import { lost, runs, version } from '../state/study'
import type { Json } from '../state/table'
import { Status, saidOf } from '../status'
import { RunCurves } from './RunCurves'

export function RunDetail({ id }: { id: number }): JSX.Element {
  const detail = useSignal<Detail | null>(null)
  const failed = useSignal<string | null>(null)
  const head = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    head.current?.focus()
    let left = false
    let latest = 0
    const stop = effect(() => {
      // Again whenever something changed.
      void version.value
      const mine = ++latest
      experiments.run(id).then(
        (found) => {
          if (left || mine !== latest) return
          if (detail.peek() === null) announce(`Run ${id}, ${found.status}`)
          detail.value = found
          failed.value = null
        },
        (error) => {
          if (!left && mine === latest) failed.value = sentenceOf(error)
        },
      )
    })
    return () => {
      left = true
      stop()
    }
  }, [id])
  const rows = ordered.value
  const at = rows.findIndex((row) => runs.value.ids[row] === id)
  const now = detail.value
  return (
    // On a narrow screen it takes the place of the view.
    <section class="run-detail" role={isNarrow.value ? 'main' : 'complementary'} aria-label={`Run ${id}`}>
      <div class="run-head">
        <h2 ref={head} tabIndex={-1}>
          Run {id}
        </h2>
        {now && <Status of={saidOf(now.status, id, lost.value, now.stop)} />}
        <span class="grow" />
        {at >= 0 && (
          <small>
            {number(at + 1)} of {number(rows.length)}
          </small>
        )}
        <IconButton icon="left" name="Previous run" class="small" onClick={() => stepRun(-1)} />
        <IconButton icon="right" name="Next run" class="small" onClick={() => stepRun(1)} />
        <IconButton icon="close" name="Close the run" class="small" onClick={closeRun} />
      </div>
      <RunActions ids={[id]} />
      <div class="run-inside">
        {failed.value !== null && <p role="alert">{failed.value}</p>}
        {!now && failed.value === null && <p role="status">Loading…</p>}
        {now && <Everything of={now} />}
      </div>
    </section>
  )
}

function Everything({ of }: { of: Detail }): JSX.Element {
  return (
    <>
      <p class="run-value">
        {calledAs('value')}: <b>{of.value === null ? 'none' : figure(of.value, 5)}</b>
      </p>
      {of.error && (
        <section aria-labelledby="run-error">
          <h3 id="run-error">Error</h3>
          <Text of={of.error} name="Error" bad />
        </section>
      )}
      <RunCurves of={of} />
      {of.note && (
        <section aria-labelledby="run-note">
          <h3 id="run-note">Note</h3>
          <p class="run-note">{of.note}</p>
        </section>
      )}
      <section aria-labelledby="run-choices">
        <h3 id="run-choices">Choices</h3>
        <Facts of={of.choices} none="This run made no choices yet." />
      </section>
      {Object.keys(of.numbers).length > 0 && (
        <section aria-labelledby="run-numbers">
          <h3 id="run-numbers">At the end</h3>
          <dl class="run-facts">
            {Object.entries(of.numbers).map(([name, value]) => (
              <Fact key={name} name={name}>
                {value === null ? 'not a number' : figure(value, 5)}
              </Fact>
            ))}
          </dl>
        </section>
      )}
      <section aria-labelledby="run-facts">
        <h3 id="run-facts">Facts</h3>
        <dl class="run-facts">
          <Fact name="combination">{of.combination}</Fact>
          <Fact name="seed">{of.seed}</Fact>
          <Fact name="split">{of.split}</Fact>
          {of.phase !== 'study' && <Fact name="phase">{of.phase}</Fact>}
          <Fact name="training">{duration(of.seconds)}</Fact>
          {of.started !== null && <Fact name="started">{time(of.started)}</Fact>}
          {of.ended !== null && <Fact name="ended">{time(of.ended)}</Fact>}
        </dl>
        <Facts of={of.facts} none="" />
      </section>
      <section aria-labelledby="run-log">
        <h3 id="run-log">Log</h3>
        {of.log ? <Text of={of.log} name="Log" /> : <p class="empty">{of.missing ?? 'It printed nothing.'}</p>}
      </section>
      {of.files.length > 0 && (
        <section aria-labelledby="run-files">
          <h3 id="run-files">Files</h3>
          <ul class="run-files">
            {of.files.map(({ name, bytes }) => (
              <li key={name}>
                <code>{name}</code> <small>{size(bytes)}</small>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

function Text({ of, name, bad }: { of: string; name: string; bad?: boolean }): JSX.Element {
  return (
    <div class={`code ${bad ? 'bad' : ''}`}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long texts are scrolled with keys */}
      <pre tabIndex={0} role="group" aria-label={name}>
        {of}
      </pre>
      <CopyButton text={of} />
    </div>
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Facts({ of, none }: { of: Record<string, Json>; none: string }): JSX.Element | null {
  const found = Object.entries(of).flatMap(([name, value]) => flat(name, value))
  if (found.length === 0) return none ? <p class="empty">{none}</p> : null
  return (
    <dl class="run-facts">
      {found.map(([name, value]) => (
        <Fact key={name} name={name}>
          {shown(value)}
        </Fact>
      ))}
    </dl>
  )
}

/** Facts within facts, each on a line of its own: the versions. */
function flat(name: string, value: Json): [string, Json][] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value === null ? [] : [[name, value]]
  return Object.entries(value).flatMap(([inner, one]) => flat(`${name} ${inner}`, one as Json))
}

const time = (seconds: number): string =>
  new Date(1000 * seconds).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })

const size = (bytes: number): string =>
  bytes < 1e3 ? `${bytes} bytes` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
