// What is going on in a study: a server or a record that does not answer, runs that are being trained, runs without a
// result.

import type { ComponentChildren, JSX } from 'preact'
import { Icon } from '../../components/icons'
import { owned } from '../../state/owned'
import { duration, number, plural } from '../../text/format'
import { requeue } from '../actions/act'
import { narrow, setConditions } from '../state/looked-at'
import { connected, failed, runs, study } from '../state/study'
import { valueIn } from '../state/table'
import { countOf, failuresOf, progressOf } from './progress'

export function StudyBanners(): JSX.Element {
  return (
    <section class="banners" aria-label="Notices">
      <Trouble />
      <Running />
      <Failed />
      <Stopped />
    </section>
  )
}

/** So many different errors are shown; the table has them all. */
const MOST_ERRORS = 2

/** A server or a record that does not answer. */
export function Trouble(): JSX.Element | null {
  if (!connected.value) {
    return (
      <Banner warn>
        <span>
          The server does not answer. Is <code>handlens experiments</code> still running in its terminal? What you see
          is as it was; trying again by itself. The training itself goes on without it.
        </span>
      </Banner>
    )
  }
  if (failed.value === null) return null
  return (
    <Banner warn>
      <span>{failed.value} What you see is as it was; trying again by itself.</span>
    </Banner>
  )
}

function Running(): JSX.Element | null {
  if (!study.value) return null
  const { running, waiting, lost, ended, total, secondsLeft } = progressOf(runs.value, Date.now() / 1000, study.value)
  if (running === 0) {
    if (waiting + lost === 0) return null
    return (
      <Banner>
        <span>
          {lost > 0 && `${plural(lost, 'run')} ${lost === 1 ? 'was' : 'were'} cut off when the process ended. `}
          {waiting > 0 &&
            `${plural(waiting, 'run')} ${waiting === 1 ? 'waits' : 'wait'}, and no process trains ${waiting === 1 ? 'it' : 'them'}. `}
          Start the script of the study again, and it goes on where it was.
        </span>
      </Banner>
    )
  }
  const pruned = countOf(runs.value, 'pruned')
  return (
    <div class="banner" role="group" aria-label="Progress">
      <progress aria-label="Runs that have ended" value={ended} max={total} />
      <span>
        <b>{number(running)} running</b> · {number(ended)} of {plural(total, 'run')} ended
        {pruned > 0 && ` (${number(pruned)} pruned early: others were better)`}
        {waiting > 0 && ` · ${number(waiting)} waiting`}
        {lost > 0 && ` · ${number(lost)} cut off, to be taken over`}
        {secondsLeft !== null && ` · about ${duration(secondsLeft)} left`}
      </span>
    </div>
  )
}

/** The failures that the person has put away; others are shown again. */
const [putAway, setPutAway] = owned(0)

function Failed(): JSX.Element | null {
  const failures = failuresOf(runs.value)
  const count = failures.reduce((sum, failure) => sum + failure.runs.length, 0)
  if (count === 0 || count === putAway.value) return null
  const more = failures.length - MOST_ERRORS
  return (
    <Banner warn onClose={() => setPutAway(count)}>
      <span class="failures">
        <b>{plural(count, 'run')} failed.</b>{' '}
        {failures.slice(0, MOST_ERRORS).map(({ error, runs: ids }) => (
          <span key={error}>
            <code>{error}</code> {ids.length < count && `(${number(ids.length)}) `}
          </span>
        ))}
        {more > 0 && `and ${plural(more, 'other error')}.`}
      </span>
      <Show status="failed" />
      <button
        type="button"
        class="button small"
        onClick={() => void requeue(failures.flatMap((failure) => failure.runs))}
      >
        Train again
      </button>
    </Banner>
  )
}

/** Once nothing is being trained: runs that could go on. */
function Stopped(): JSX.Element | null {
  const now = runs.value
  const stopped = now.ids.filter((id) => valueIn(now, 'status', id) === 'stopped')
  if (stopped.length === 0 || countOf(now, 'running') > 0) return null
  return (
    <Banner>
      <span>
        {plural(stopped.length, 'run')} {stopped.length === 1 ? 'was' : 'were'} stopped before the end, and can go on
        from {stopped.length === 1 ? 'its' : 'their'} checkpoint.
      </span>
      <Show status="stopped" />
      <button type="button" class="button small" onClick={() => void requeue(stopped)}>
        Go on
      </button>
    </Banner>
  )
}

/** Looks at the runs of one status. */
function Show({ status }: { status: string }): JSX.Element {
  return (
    <button
      type="button"
      class="button small"
      onClick={() => setConditions(narrow([{ column: 'status', is: 'in', values: [status] }]))}
    >
      Show {status}
    </button>
  )
}

interface BannerProps {
  warn?: boolean
  onClose?: () => void
  children: ComponentChildren
}

function Banner({ warn, onClose, children }: BannerProps): JSX.Element {
  return (
    <div class={`banner ${warn ? 'warn' : ''}`} role={warn ? 'alert' : 'status'}>
      {warn && <Icon name="warn" />}
      {children}
      {onClose && (
        <button type="button" class="button square small" aria-label="Dismiss" onClick={onClose}>
          <Icon name="close" size={16} />
        </button>
      )}
    </div>
  )
}
